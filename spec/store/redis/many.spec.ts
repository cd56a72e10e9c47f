import { expect } from "chai";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { listen } from "../board.contract.ts";
import { assign, turnOf } from "../stores.ts";
import { BY_ITSELF, HASTY_CLOCK, keysOf, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";

describe("the Redis store with a lot in it", function () {
  this.timeout(20_000);
  const redis = useRedis();
  const open = useInstances();

  it("brings thousands of assignments back, and no call waits for that", async () => {
    const store = await open({ at: redis.port, clock: HASTY_CLOCK });
    const rooms = Array.from({ length: 3000 }, (_, index) => `room ${String(index)}`);
    for (let from = 0; from < rooms.length; from += 100) {
      await Promise.all(rooms.slice(from, from + 100).map((room) => assign(store, room, A)));
    }
    await redis.ask("FLUSHALL");
    let longestMs = 0;
    let joins = 0;
    const isBack = async (): Promise<boolean> => {
      const startMs = systemClock.monotonic();
      await (await turnOf(store, `another ${String(++joins)}`)).end(null);
      longestMs = Math.max(longestMs, systemClock.monotonic() - startMs);
      return Number(await redis.ask("DBSIZE")) >= rooms.length;
    };
    await eventually("all are back", isBack, BY_ITSELF);
    expect(joins).to.be.above(5);
    expect(longestMs).to.be.below(100);
    expect(store.told.store).to.deep.equal([]);
  });

  it("has the whole fleet when it is opened", async () => {
    const one = await open({ at: redis.port });
    const names = Array.from({ length: 2000 }, (_, index) => `http://sfu-${String(index)}.example.com`);
    for (let from = 0; from < names.length; from += 100) {
      const some = names.slice(from, from + 100);
      await Promise.all(some.map((name) => one.board.post("registrations", name, `of ${name}`, 60_000)));
    }
    expect(one.told.store).to.deep.equal([]);
    let posts: ReturnType<typeof listen> = [];
    await open({ at: redis.port, listen: (store) => (posts = listen(store, "registrations")) });
    expect(new Set(posts.map(({ name }) => name))).to.deep.equal(new Set(names));
  });

  it("lets its journal grow no longer than it has to be", async () => {
    const store = await open({ at: redis.port });
    await store.board.post("drains", "a", "text", null);
    const [journal] = await keysOf(redis, "*:journal");
    const fill =
      "for n = 1, 40000 do redis.call('XADD', KEYS[1], '*', 'from', 'x', 'kind', 'y', 'name', n, 'text', n) end";
    await redis.ask("EVAL", fill, 1, journal!);
    // Its connection may have waited for that as well.
    await eventually("it is in use", () => !store.isAway(), BY_ITSELF);
    // So many at a time go that no command takes long.
    for (let round = 0; round < 4; round++) await store.board.post("drains", "b", "text", null);
    expect(await redis.ask("XLEN", journal!)).to.be.within(1000, 21_000);
    const newcomer = await within(2000, "open", open({ at: redis.port }));
    expect(newcomer.isAway()).to.equal(false);
    const heard = listen(newcomer);
    await store.board.post("drains", "c", "text", null);
    await eventually("the newcomer hears of what is posted next", () => heard.length === 1, BY_ITSELF);
  });

  it("lets go of what has had its time", async () => {
    const store = await open({ at: redis.port, clock: HASTY_CLOCK });
    await store.board.post("reports", "a", "text", 50);
    await store.board.post("reports", "b", "text", null);
    const [board] = await keysOf(redis, "*:board:reports");
    await eventually("one of two is left", async () => (await redis.ask("HLEN", board!)) === 1, BY_ITSELF);
    await store.close();
    const [home, turn] = [await keysOf(redis, "*:home"), await keysOf(redis, "*:turn")];
    expect([...home, ...turn]).to.deep.equal([]);
  });
});
