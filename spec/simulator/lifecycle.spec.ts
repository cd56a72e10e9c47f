import { expect } from "chai";
import { connect } from "node:net";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import {
  ask,
  channelOf,
  disconnect,
  failureOf,
  join,
  manualClock,
  seeded,
  sfuKey,
  until,
  useSimulators,
} from "./harness.ts";

describe("the simulated SFU's life", () => {
  const start = useSimulators();

  it("has no address before it listens", () => {
    const sfu = new SimulatedSfu({ key: sfuKey, clock: systemClock, random: seeded(1) });
    expect(() => sfu.address).to.throw("before it listens");
  });

  it("listens on the port that it is given, or says that it is taken", async () => {
    const first = await start();
    const port = Number(new URL(first.address).port);
    expect(await failureOf(start({ port }))).to.equal("EADDRINUSE");
    await first.close();
    expect((await start({ port })).address).to.equal(first.address);
  });

  it("can be closed twice, and before it listens", async () => {
    const sfu = await start();
    await Promise.all([sfu.close(), sfu.close()]);
    await sfu.close();
    expect(await failureOf(ask(sfu))).to.equal("ECONNREFUSED");
    await new SimulatedSfu({ key: sfuKey, clock: systemClock, random: seeded(1) }).close();
  });

  it("leaves no socket, timer or script behind when closed", async () => {
    const { clock, pending } = manualClock();
    const sfu = await start({ clock, latencyMs: { min: 100, max: 200 } });
    const socket = connect(Number(new URL(sfu.address).port), "127.0.0.1");
    const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    await new Promise((resolve) => socket.once("connect", resolve));
    const failures = [failureOf(join(sfu))];
    await until(() => pending() === 1);
    await sfu.break({ kind: "slow", delayMs: 60_000 });
    failures.push(failureOf(join(sfu)));
    await until(() => pending() === 2);
    await sfu.break({ kind: "drip", intervalMs: 60_000 });
    failures.push(failureOf(ask(sfu)));
    await until(() => pending() === 3);
    const played = sfu.play([{ fault: { kind: "hang" }, forMs: 60_000 }]);
    failures.push(failureOf(ask(sfu)));
    await until(() => sfu.requests.length === 4);
    await sfu.close();
    await Promise.all([played, closed]);
    expect(await Promise.all(failures)).to.deep.equal(Array.from({ length: 4 }, () => "ECONNRESET"));
    expect(pending()).to.equal(0);
  });

  it("forgets its channels and load in a restart, at the same address", async () => {
    const sfu = await start();
    const { address } = sfu;
    const before = channelOf(await join(sfu));
    sfu.setLoad(100);
    await sfu.restart();
    expect(sfu.address).to.equal(address);
    expect(sfu.channels).to.be.empty;
    expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("body", "[]");
    const after = channelOf(await join(sfu));
    expect(after.uuid).not.to.equal(before.uuid);
    const gone = { sessionIdsByChannel: { [before.uuid]: [1] } };
    expect(await disconnect(sfu, gone)).to.have.property("status", 200);
  });

  it("cuts off in a restart what is in flight, and makes no channel of it", async () => {
    const { clock, elapse, pending } = manualClock();
    const sfu = await start({ clock, latencyMs: { min: 100, max: 200 } });
    const failure = failureOf(join(sfu));
    await until(() => pending() === 1);
    await sfu.restart();
    expect(await failure).to.equal("ECONNRESET");
    elapse(1_000);
    await ask(sfu);
    expect(sfu.channels).to.be.empty;
    expect(sfu.requests[0]).to.include({ status: null, aborted: false });
  });

  it("keeps a fault through a restart", async () => {
    const sfu = await start();
    await sfu.break({ kind: "refuse" });
    await sfu.restart();
    expect(await failureOf(ask(sfu))).to.equal("ECONNREFUSED");
    await sfu.heal();
    expect(await ask(sfu)).to.have.property("status", 200);
  });

  it("answers a join after the latency that chance gives it", async () => {
    const { clock, elapse, pending } = manualClock();
    const sfu = await start({ clock, random: () => 0.5, latencyMs: { min: 100, max: 200 } });
    const reply = join(sfu);
    await until(() => pending() === 1);
    elapse(149);
    expect(pending()).to.equal(1);
    elapse(1);
    expect(pending()).to.equal(0);
    expect(await reply).to.have.property("status", 200);
  });

  describe("requests", () => {
    it("are remembered with all that a spec may ask about", async () => {
      const { clock } = manualClock();
      const sfu = await start({ clock });
      await join(sfu, { iss: "a", more: 1 }, { path: "/v1/channel?webRTC=false&x=%20", headers: { "X-Test": "yes" } });
      const [request] = sfu.requests;
      expect(request).to.include({
        at: 1_700_000_000_000,
        method: "GET",
        path: "/v1/channel",
        query: "webRTC=false&x=%20",
        fault: null,
        status: 200,
        aborted: false,
      });
      expect(request!.headers["x-test"]).to.equal("yes");
      expect(request!.claims).to.deep.equal({ iss: "a", key: "Y2hhbm5lbA==", more: 1 });
    });

    it("have the claims of a disconnect's body, and none where there are none", async () => {
      const sfu = await start();
      await disconnect(sfu, { sessionIdsByChannel: { a: [1] } });
      await ask(sfu, { path: "/nowhere" });
      expect(sfu.requests.map(({ claims }) => claims)).to.deep.equal([{ sessionIdsByChannel: { a: [1] } }, null]);
    });

    it("say who hung up before the answer", async () => {
      const { clock, elapse, pending } = manualClock();
      const sfu = await start({ clock, latencyMs: { min: 100, max: 100 } });
      const hangUp = new AbortController();
      const failure = failureOf(join(sfu, {}, { signal: hangUp.signal }));
      await until(() => pending() === 1);
      hangUp.abort();
      await failure;
      await until(() => sfu.requests[0]!.aborted);
      elapse(100);
      await until(() => sfu.channels.length === 1);
      expect(sfu.requests[0]!.status).to.equal(null);
    });

    it("are bounded, the oldest go first, and can be cleared", async () => {
      const sfu = await start({ maxRequests: 3 });
      for (let i = 0; i < 5; i++) await ask(sfu, { path: `/v1/noop?${i}` });
      expect(sfu.requests.map(({ query }) => query)).to.deep.equal(["2", "3", "4"]);
      sfu.clearRequests();
      expect(sfu.requests).to.be.empty;
    });
  });
});
