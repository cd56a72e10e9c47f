import { expect } from "chai";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { ask, failureOf, join, manualClock, useSimulators } from "./harness.ts";

describe("the simulated SFU's script", () => {
  const start = useSimulators();
  const statuses = async (sfu: SimulatedSfu, count: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < count; i++) seen.push((await join(sfu)).status);
    return seen;
  };

  it("changes the fault with the clock and is healthy at the end", async () => {
    const { clock, elapse, pending } = manualClock();
    const sfu = await start({ clock });
    const played = sfu.play([
      { fault: { kind: "status", status: 503 }, forMs: 1_000 },
      { fault: null, forMs: 500 },
      { fault: { kind: "refuse" }, forMs: 2_000 },
      { fault: { kind: "garbage", body: "?" }, forMs: 1_000 },
    ]);
    expect(await statuses(sfu, 1)).to.deep.equal([503]);
    elapse(1_000);
    expect(await statuses(sfu, 1)).to.deep.equal([200]);
    elapse(500);
    expect(await failureOf(ask(sfu))).to.equal("ECONNREFUSED");
    elapse(1_999);
    expect(sfu.fault).to.deep.equal({ kind: "refuse" });
    elapse(1_001);
    await played;
    expect(sfu.fault).to.equal(null);
    expect(await statuses(sfu, 1)).to.deep.equal([200]);
    expect(pending()).to.equal(0);
  });

  it("counts requests, and only those that the fault touches", async () => {
    const sfu = await start();
    const played = sfu.play([
      { fault: { kind: "status", status: 500 }, forRequests: 2 },
      { fault: null, forRequests: 1 },
      { fault: { kind: "status", status: 409 }, forRequests: 1 },
    ]);
    await ask(sfu);
    expect(await statuses(sfu, 5)).to.deep.equal([500, 500, 200, 409, 200]);
    await played;
    expect(sfu.requests.map(({ fault }) => fault)).to.deep.equal([null, "status", "status", null, "status", null]);
  });

  it("skips no step when much time passes at once", async () => {
    const { clock, elapse } = manualClock();
    const sfu = await start({ clock });
    const played = sfu.play(Array.from({ length: 10 }, () => ({ fault: { kind: "refuse" }, forMs: 100 }) as const));
    elapse(999);
    expect(sfu.fault).to.deep.equal({ kind: "refuse" });
    elapse(1);
    await played;
    expect(await ask(sfu)).to.have.property("status", 200);
  });

  it("ends when something else is put in its place", async () => {
    const { clock, pending } = manualClock();
    const sfu = await start({ clock });
    const first = sfu.play([{ fault: { kind: "reset" }, forMs: 60_000 }]);
    await sfu.break({ kind: "status", status: 418 });
    await first;
    expect(pending()).to.equal(0);
    expect(await statuses(sfu, 1)).to.deep.equal([418]);
    const second = sfu.play([{ fault: { kind: "reset" }, forRequests: 9 }]);
    const third = sfu.play([{ fault: { kind: "status", status: 502 }, forMs: 60_000 }]);
    await second;
    expect(await statuses(sfu, 1)).to.deep.equal([502]);
    await sfu.heal();
    await third;
    expect(await statuses(sfu, 1)).to.deep.equal([200]);
  });

  it("is over at once when it is empty", async () => {
    const sfu = await start();
    await sfu.break({ kind: "reset" });
    await sfu.play([]);
    expect(sfu.fault).to.equal(null);
  });

  it("refuses steps that could never end", async () => {
    const sfu = await start();
    for (const step of [
      { fault: { kind: "refuse" }, forRequests: 1 },
      { fault: null, forRequests: 0 },
      { fault: null, forRequests: 1.5 },
    ] as const) {
      const error: unknown = await sfu.play([step]).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(RangeError);
    }
  });
});
