import { expect } from "chai";
import type { Heard } from "../../../lib/store/store.ts";
import { eventually } from "../../support/eventually.ts";
import { useFaultProxies } from "../../support/fault-proxy.ts";
import { useRedis } from "../../support/redis.ts";
import { useWatchedPair } from "../../support/redis-groups.ts";
import type { RedisServer } from "../../support/redis-server.ts";
import { listen } from "../board.contract.ts";
import { assign, turnOf } from "../stores.ts";
import { BY_ITSELF, HASTY_CLOCK, type Instance, keysOf, useInstances } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

describe("a Redis that has lost something", function () {
  this.timeout(20_000);
  const redis = useRedis();
  const openLine = useFaultProxies();
  const open = useInstances();

  const boardOf = async (server: RedisServer = redis): Promise<ReadonlyMap<string, string>> => {
    let posts: ReturnType<typeof listen> = [];
    const store = await open({ at: server.port, listen: (opened) => (posts = listen(opened)) });
    const board = new Map(posts.map(({ name, text }) => [name, text]));
    await store.close();
    return board;
  };
  const journalOf = async (): Promise<string> => {
    const [journal] = await keysOf(redis, "*journal*");
    return journal!;
  };

  const LOSSES: readonly (readonly [how: string, lose: () => Promise<unknown>])[] = [
    ["everything, by FLUSHALL", () => redis.ask("FLUSHALL")],
    [
      "everything, by a restart",
      async () => {
        await redis.stop();
        await redis.start();
      },
    ],
    [
      "everything but the scripts and the list of gateways",
      async () => {
        const keys = (await keysOf(redis, "*")).filter((key) => !key.endsWith(":instances"));
        await redis.ask("DEL", ...keys);
      },
    ],
  ];
  // The last of them is found only where the board is compared, which is done now and then.
  for (const [how, lose] of LOSSES) {
    it(`gets back ${how}`, async () => {
      const one = await open({ at: redis.port, clock: HASTY_CLOCK });
      const other = await open({ at: redis.port, clock: HASTY_CLOCK });
      const toOther = listen(other);
      await one.board.post("drains", "a", "of one", null);
      await one.board.post("drains", "over", "", 60_000);
      await other.board.post("drains", "b", "of the other", null);
      await assign(one, "room", A);
      await assign(other, "another room", B);

      await lose();
      await eventually("all gateways are there", () => [one, other].every(seesTwo), BY_ITSELF);
      await eventually("the board is whole", async () => (await boardOf()).size === 3, BY_ITSELF);
      expect(await boardOf()).to.deep.equal(
        new Map([
          ["a", "of one"],
          ["over", ""],
          ["b", "of the other"],
        ]),
      );
      if (how.includes("everything, ")) {
        const third = await open({ at: redis.port });
        const find = (conference: string) => async () => (await third.assignments.find(conference)) !== null;
        for (const conference of ["room", "another room"]) {
          await eventually(`${conference} is somewhere`, find(conference), BY_ITSELF);
        }
        expect(await third.assignments.find("room")).to.equal(A);
        expect(await third.assignments.find("another room")).to.equal(B);
      }
      await one.board.post("drains", "later", "", null);
      await eventually("what comes later is heard", () => toOther.at(-1)?.name === "later", BY_ITSELF);
    });
  }

  it("gets back what it loses while it is looked for what else is lost", async () => {
    const line = await openLine(redis.port);
    const store = await open({ at: line.port, clock: HASTY_CLOCK });
    await assign(store, "room", A);
    // So that a look takes longer than until the next beat; and a script that is not known yet, two ways and less than 100 ms.
    line.set({ kind: "delay", ms: 15 });
    const looks = (): number => store.told.storeCommand.filter(({ name }) => name === "scan").length;
    const before = looks();
    await eventually("a look has begun", () => looks() > before, BY_ITSELF);
    await redis.ask("FLUSHALL");
    await eventually("it is back", async () => (await keysOf(redis, "*:home")).length === 1, BY_ITSELF);
    expect(store.told.store).to.deep.equal([]);
  });

  it("gets back no assignment whose time is over, and no longer time than was left", async () => {
    const one = await open({ at: redis.port });
    await assign(one, "long", A, 50_000);
    await assign(one, "short", A, 1);
    await redis.ask("FLUSHALL");
    await eventually("the long one is back", async () => (await keysOf(redis, "*:home")).length > 0, BY_ITSELF);
    const homes = await keysOf(redis, "*:home");
    expect(homes).to.have.length(1);
    expect(await redis.ask("PTTL", homes[0]!)).to.be.within(30_000, 50_000);
  });

  it("does not count as away for having lost its scripts", async () => {
    const store = await open({ at: redis.port });
    await assign(store, "room", A);
    await redis.ask("SCRIPT", "FLUSH");
    expect((await turnOf(store, "another")).isShared).to.equal(true);
    expect(await assign(store, "room", A)).to.equal(A);
    expect(store.told.store).to.deep.equal([]);
  });

  it("is heard of where its journal had been ahead of its time", async () => {
    const one = await open({ at: redis.port, clock: HASTY_CLOCK });
    const other = await open({ at: redis.port, clock: HASTY_CLOCK });
    const heard: Heard[] = [];
    other.notices.on((notice) => heard.push(notice));
    await one.board.post("drains", "a", "text", null);
    // As of a server whose clock was wrong.
    await redis.ask("XADD", await journalOf(), "9999999999999-0", "kind", "anything");
    one.notices.tell({ kind: "trouble", address: A, isBreakerOpen: false });
    await eventually("it is heard", () => heard.length === 1);
    await redis.ask("FLUSHALL");
    await eventually("all gateways are there", () => [one, other].every(seesTwo), BY_ITSELF);
    const isHeard = (): boolean => {
      one.notices.tell({ kind: "trouble", address: B, isBreakerOpen: false });
      return heard.length > 1;
    };
    await eventually("what comes later is heard", isHeard, { ...BY_ITSELF, pauseMs: 50 });
  });

  it("is heard of whatever it has lost of its journal", async () => {
    const line = await openLine(redis.port);
    const cutOff = await open({ at: line.port });
    const other = await open({ at: redis.port });
    const heard = listen(cutOff);
    line.set({ kind: "cut" });
    await eventually("it is away", () => cutOff.isAway());
    await other.board.post("drains", "a", "text", null);
    await redis.ask("XTRIM", await journalOf(), "MAXLEN", 0);
    line.set({ kind: "none" });
    await eventually("it has heard", () => heard.length === 1, BY_ITSELF);
    expect(heard[0]).to.include({ name: "a", text: "text" });
  });

  it("is heard of within seconds where an entry of the journal was missed while it stood", async () => {
    const one = await open({ at: redis.port });
    await one.board.post("drains", "a", "text", null);
    const [board] = await keysOf(redis, "*:board:drains");
    const [field, value] = (await redis.ask("HGETALL", board!)) as readonly string[];
    await one.close();
    await redis.ask("DEL", board!, await journalOf());

    const other = await open({ at: redis.port, clock: HASTY_CLOCK });
    const heard = listen(other);
    await redis.ask("HSET", board!, field!, value!);
    await eventually("it has heard", () => heard.length === 1, BY_ITSELF);
    expect(heard[0]).to.include({ name: "a", text: "text" });
    expect(heard[0]!.ageMs).to.be.within(1, 15_000);
  });

  it("loads what it has kept, and nobody waits for that", async () => {
    const store = await open({ at: redis.port });
    await store.board.post("drains", "a", "text", null);
    await redis.ask("DEBUG", "POPULATE", 300);
    await redis.ask("SAVE");
    await redis.stop();
    await redis.start(["key-load-delay 3000", "loading-process-events-interval-bytes 1024"]);
    await eventually("it is away", () => store.isAway());
    await assign(store, "room", A);
    await eventually("it is back", () => !store.isAway(), BY_ITSELF);
    expect((await boardOf()).get("a")).to.equal("text");
  });
});

describe("a Redis that fails over to its copy", function () {
  this.timeout(30_000);
  const pair = useWatchedPair();
  const open = useInstances();

  const WAYS: readonly (readonly [how: string, failOver: () => Promise<void>])[] = [
    ["that its operator has told to", () => pair.failOver()],
    [
      "that has died",
      async () => {
        const former = await pair.primary();
        await former.stop();
        await eventually("the other one is the primary", async () => (await pair.primary()) !== former, BY_ITSELF);
      },
    ],
  ];
  for (const [how, failOver] of WAYS) {
    it(`is away for some seconds at most, and nothing is lost, by one ${how}`, async () => {
      const sentinels = [{ host: "127.0.0.1", port: pair.sentinel.port }];
      const at = { kind: "sentinel", sentinels, master: pair.name, database: 0 } as const;
      const one = await open({ at });
      const other = await open({ at });
      const toOther = listen(other);
      await one.board.post("drains", "a", "text", null);
      await assign(one, "room", A);

      await failOver();
      const server = await pair.primary();
      const users = async (): Promise<number> => {
        const clients = String(await server.ask("CLIENT", "LIST", "TYPE", "normal"));
        return clients.split("cmd=evalsha").length - 1;
      };
      // A former one that is there still takes writes until it hears of it.
      const areBack = async (): Promise<boolean> => (await users()) >= 2 && !one.isAway() && !other.isAway();
      await eventually("both use the new one", areBack, { patienceMs: 20_000, pauseMs: 20 });
      expect(await other.assignments.find("room")).to.equal(A);
      expect(await assign(other, "room", B)).to.equal(B);
      await one.board.post("drains", "later", "", null);
      await eventually("what is posted later is heard", () => toOther.at(-1)?.name === "later", BY_ITSELF);
      // Twice where the sentinels name the former one once more.
      for (const { told } of [one, other]) expect(told.store).to.have.length.within(2, 4);
    });
  }
});

function seesTwo(store: Instance): boolean {
  return store.instances().length === 2;
}
