import { expect } from "chai";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import { useRedis } from "../../support/redis.ts";
import { eventually } from "../../support/eventually.ts";
import { assign, served, turnOf } from "../stores.ts";
import { keysOf, MOMENT_MS, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

describe("a gateway that has a turn", function () {
  this.timeout(15_000);
  const redis = useRedis();
  const open = useInstances();

  const CASES: readonly (readonly [what: string, isLateToRenew: boolean])[] = [
    ["has not renewed it in time", false],
    ["has renewed it when somebody else had come and gone", true],
  ];
  for (const [what, isLateToRenew] of CASES) {
    it(`and ${what} goes where that one has placed the conference meanwhile`, async () => {
      const late: (() => void)[] = [];
      // Its process has too much to do: what it does several times a second, it does not.
      const every: Clock["every"] = (intervalMs, run) => {
        if (intervalMs >= 1000) return systemClock.every(intervalMs, run);
        late.push(run);
        return () => undefined;
      };
      const busy = await open({ at: redis.port, clock: { ...systemClock, every } });
      const other = await open({ at: redis.port });
      await assign(other, "room", A);
      const turn = await turnOf(busy, "room");
      expect(turn.home).to.equal(A);
      // It waits until the lease is over.
      expect(await assign(other, "room", B)).to.equal(B);
      if (isLateToRenew) {
        expect(late).to.have.length(1);
        late[0]!();
        const isTaken = async (): Promise<boolean> => (await keysOf(redis, "*:turn")).length === 1;
        await eventually("it has the turn again", isTaken);
        // So that it has heard so.
        await busy.assignments.find("something else");
      }
      expect(await turn.end(served(A, "room"))).to.equal(B);
      expect(await other.assignments.find("room")).to.equal(B);
      expect(busy.told.store).to.deep.equal([]);
    });
  }

  it("waits for none that has no end: no gateway has made it so", async () => {
    const store = await open({ at: redis.port });
    const held = await turnOf(store, "room");
    const [key] = await keysOf(redis, "*:turn");
    await held.end(null);
    await eventually("it has ended", async () => (await keysOf(redis, "*:turn")).length === 0);
    await redis.ask("HSET", key!, "owner", "somebody");
    const turn = await within(MOMENT_MS, "enter", turnOf(store, "room"));
    expect(turn.isShared).to.equal(true);
    expect(await redis.ask("PTTL", key!)).to.be.within(1, 500);
    expect(await turn.end(served(A, "room"))).to.equal(A);
    expect(await keysOf(redis, "*:turn")).to.deep.equal([]);
  });
});
