import { expect } from "chai";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { listen } from "../board.contract.ts";
import { assign, NEVER_MS, patience, served, turnOf } from "../stores.ts";
import { type Instance, keysOf, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

describe("gateways on one Redis", () => {
  const redis = useRedis();
  const open = useInstances();

  it("of two fleets have nothing to do with each other", async () => {
    const one = await open({ at: redis.port });
    const stranger = await open({ at: redis.port, prefix: "spec2" });
    const heard = listen(stranger);
    const turn = await turnOf(one, "room");
    expect(await assign(stranger, "room", B)).to.equal(B);
    await turn.end(served(A, "room"));
    await one.board.post("drains", "a", "text", null);
    await stranger.board.post("drains", "a", "another", null);
    expect([await one.assignments.find("room"), await stranger.assignments.find("room")]).to.deep.equal([A, B]);
    expect(heard).to.deep.equal([]);
    let posts: ReturnType<typeof listen> = [];
    await open({ at: redis.port, prefix: "spec2", listen: (store) => (posts = listen(store)) });
    expect(posts.map(({ text }) => text)).to.deep.equal(["another"]);
    expect(stranger.told.unreadable).to.deep.equal([]);
  });

  it("keep to the database that they are told", async () => {
    const at = { kind: "single", host: { host: "127.0.0.1", port: redis.port }, database: 3 } as const;
    const one = await open({ at });
    const other = await open({ at });
    await assign(one, "room", A);
    expect(await other.assignments.find("room")).to.equal(A);
    expect(await redis.ask("DBSIZE")).to.equal(0);
  });

  it("keep to their own keys, and to the commands that the documentation names for their user", async () => {
    const keys = "resetkeys ~spec:* resetchannels";
    await redis.ask("ACL", "SETUSER", "gateway", "on", ">a password of the gateway", ...keys.split(" "), ...COMMANDS);
    try {
      const access = { at: redis.port, username: "gateway", password: "a password of the gateway" };
      const one = await open(access);
      const other = await open(access);
      const heard = listen(other);
      await assign(one, "room", A);
      await assign(other, "room", B);
      expect(await one.assignments.find("room")).to.equal(B);
      await one.board.post("drains", "a", "text", 10);
      await one.board.post("drains", "b", "text", null);
      await eventually("it is heard", () => heard.length === 2);
      await one.close();
      expect([...one.told.store, ...other.told.store]).to.deep.equal([]);
      expect(await redis.ask("ACL", "LOG")).to.deep.equal([]);
    } finally {
      await redis.ask("ACL", "DELUSER", "gateway");
    }
  });

  it("agree on what is younger, however wrong the clock of their machine is", async () => {
    const hourMs = 3_600_000;
    const late = { ...systemClock, now: () => systemClock.now() - hourMs };
    const early = {
      ...systemClock,
      now: () => systemClock.now() + hourMs,
      monotonic: () => systemClock.monotonic() + 1e6,
    };
    const one = await open({ at: redis.port, clock: late });
    const other = await open({ at: redis.port, clock: early });
    const [toOne, toOther] = [listen(one), listen(other)];
    await other.board.post("drains", "a", "1", 60_000);
    // It need not hear what its own has replaced by then.
    await eventually("the one has heard", () => toOne.length === 1);
    await one.board.post("drains", "a", "2", 60_000);
    await eventually("both have heard", () => toOne.length === 1 && toOther.length === 1);
    for (const { ageMs } of [...toOne, ...toOther]) expect(ageMs).to.be.within(0, 1000);
    let posts: ReturnType<typeof listen> = [];
    await open({ at: redis.port, clock: early, listen: (store) => (posts = listen(store)) });
    expect(posts.at(-1)).to.include({ text: "2" });
    expect(posts.at(-1)!.ageMs).to.be.within(0, 5000);
  });

  it("take no end of a turn for the end of a later one", async () => {
    const one = await open({ at: redis.port });
    const other = await open({ at: redis.port });
    const first = await turnOf(one, "room");
    const waiting = other.assignments.enter("room", patience());
    await other.assignments.find("something else");
    await first.end(served(A, "room"));
    await waiting;
    const endedMs = systemClock.monotonic();
    await eventually("that is a while ago", () => systemClock.monotonic() - endedMs > 100);

    const second = await turnOf(one, "room");
    // It reads the journal from some time back.
    const newcomer = await open({ at: redis.port });
    let isOver = false;
    const entered = newcomer.assignments.enter("room", patience()).finally(() => (isOver = true));
    for (let round = 0; round < 20; round++) await newcomer.assignments.find("something else");
    expect(isOver).to.equal(false);
    await second.end(served(B, "room"));
    expect(await entered).to.include({ kind: "placed", address: B });
  });

  it("hand a turn on at once, and not when its lease is over", async () => {
    const one = await open({ at: redis.port });
    const other = await open({ at: redis.port });
    const turn = await turnOf(one, "room");
    const waiting = turnOf(other, "room");
    await other.assignments.find("something else");
    await turn.end(null);
    const next = await within(LEASE_MS - 100, "enter", waiting);

    const controller = new AbortController();
    const leaving = one.assignments.enter("room", patience(NEVER_MS, controller.signal)).catch(() => null);
    await one.assignments.find("something else");
    controller.abort(new Error("the caller has left"));
    await leaving;
    await next.end(null);

    // It is free by now.
    await other.assignments.find("something else");
    const leaver = new AbortController();
    const taking = one.assignments.enter("room", patience(NEVER_MS, leaver.signal)).catch(() => null);
    leaver.abort(new Error("the caller has left"));
    expect(await taking).to.equal(null);
    // It has been granted by now.
    await one.assignments.find("something else");
    await (await within(LEASE_MS - 100, "enter", turnOf(other, "room"))).end(null);
  });

  it("go on hearing when a listener has failed", async () => {
    const one = await open({ at: redis.port });
    const other: Instance = await open({ at: redis.port, throws: true });
    other.board.on("drains", () => {
      throw new Error("a listener's own fault");
    });
    other.notices.on(() => {
      throw new Error("a listener's own fault");
    });
    const heard = listen(other);
    await one.board.post("drains", "a", "text", null);
    one.notices.tell({ kind: "trouble", address: A, isBreakerOpen: false });
    await one.board.post("drains", "b", "text", null);
    await eventually("all is heard", () => heard.length === 2);
    await eventually("that is told", () => other.told.unexpected.length === 3);
    expect(other.told.store).to.deep.equal([]);
  });

  it("leave nothing in Redis but what says so by its prefix", async () => {
    const one = await open({ at: redis.port, prefix: "my-fleet.eu_1" });
    await assign(one, "room", A);
    await one.board.post("drains", "a", "text", null);
    for (const key of await keysOf(redis, "*")) expect(key).to.match(/^my-fleet\.eu_1:1:\{[\w-]+\}:/);
  });
});

/** Of a turn whose gateway says nothing more. */
const LEASE_MS = 500;

/** What the user of the gateways has to be allowed. */
const COMMANDS = [
  "+select",
  "+role",
  "+eval",
  "+evalsha",
  "+time",
  "+get",
  "+set",
  "+del",
  "+pttl",
  "+pexpire",
  "+hget",
  "+hset",
  "+hdel",
  "+hexists",
  "+hgetall",
  "+hscan",
  "+xadd",
  "+xread",
];
