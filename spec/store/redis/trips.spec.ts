import { expect } from "chai";
import { eventually } from "../../support/eventually.ts";
import { useFaultProxies } from "../../support/fault-proxy.ts";
import type { RedisClient } from "../../support/redis-client.ts";
import { useRedis } from "../../support/redis.ts";
import { assign, served, turnOf } from "../stores.ts";
import { type Instance, useInstances } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

describe("what a call costs at the Redis store", function () {
  const redis = useRedis();
  const openLine = useFaultProxies();
  const open = useInstances();

  let store: Instance;
  let watcher: RedisClient;
  beforeEach(async () => {
    store = await open({ at: redis.port });
    // Scripts are there from here on, and everything has begun that goes on by itself.
    await assign(store, "before", A);
    await store.board.post("reports", "before", "", 1000);
    watcher = await redis.connect();
    await watcher.ask("MONITOR");
  });

  /** How much the monitor has seen when it has seen all that is done by now. */
  const seen = async (): Promise<number> => {
    const mark = `mark ${String(++marks)}`;
    await redis.ask("ECHO", mark);
    const at = (): number => watcher.heard.findIndex((line) => String(line).includes(mark));
    await eventually("the monitor has seen all", () => at() >= 0);
    return at();
  };
  let marks = 0;

  /** The commands that the gateway sends meanwhile, but for those that go on by themselves. */
  const sentDuring = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    const from = await seen();
    await work();
    const lines = watcher.heard.slice(from, await seen()).map(String);
    // Neither the mark nor what scripts do, nor the reading of the journal, nor a beat.
    const beats = /ECHO|\[\d+ lua\]|"(XREAD|xread)"|:instances"/;
    return lines.filter((line) => !beats.test(line));
  };

  it("one command to enter", async () => {
    const sent = await sentDuring(() => turnOf(store, "room"));
    expect(sent.map(commandOf)).to.deep.equal(["EVALSHA"]);
  });

  it("one to end a first join, and one behind its back", async () => {
    const turn = await turnOf(store, "room");
    const sent = await sentDuring(async () => turn.end(served(A, "room")));
    expect(sent.length, sent.join("\n")).to.be.within(1, 2);
    expect(commandOf(sent[0]!)).to.equal("EVALSHA");
  });

  it("one to look where a conference is", async () => {
    expect(await sentDuring(() => store.assignments.find("room"))).to.have.length(1);
  });

  it("one to post, however many hear of it", async () => {
    const sent = await sentDuring(() => store.board.post("reports", A, "text", 1000));
    expect(sent.map(commandOf)).to.deep.equal(["EVALSHA"]);
  });

  it("nothing while nobody calls but a beat a second and the journal", async () => {
    const from = watcher.heard.length;
    const lines = (): readonly string[] => watcher.heard.slice(from).map(String);
    const beats = (): readonly string[] =>
      lines().filter((line) => !line.includes(" lua]") && line.includes(":instances"));
    await eventually("there was a beat", () => beats().length >= 1);
    const others = lines().filter((line) => !/ lua\]|:instances|xread/i.test(line));
    expect(others).to.deep.equal([]);
  });

  it("nobody waits for the end of a call that is where it was", async () => {
    const line = await openLine(redis.port);
    const behind = await open({ at: line.port });
    await assign(behind, "room", A);
    const turn = await turnOf(behind, "room");
    line.set({ kind: "hang", way: "both" });
    expect(await Promise.race([turn.end(served(A, "room")), turnsGone()])).to.equal(A);
    expect(behind.isAway()).to.equal(false);
  });

  it("everybody waits until it is on record where a call is that is new, or has moved", async () => {
    const line = await openLine(redis.port);
    const behind = await open({ at: line.port });
    await assign(behind, "room", A);
    for (const [conference, address] of [
      ["another", A],
      ["room", B],
    ] as const) {
      const turn = await turnOf(behind, conference);
      line.set({ kind: "hang", way: "both" });
      const ended = turn.end(served(address, conference));
      expect(await Promise.race([ended, turnsGone()])).to.equal("not yet");
      line.set({ kind: "none" });
      expect(await ended).to.equal(address);
    }
    expect(behind.told.store).to.deep.equal([]);
  });

  it("is told, by its name and how long it took", async () => {
    const from = store.told.storeCommand.length;
    await assign(store, "room", A);
    const commands = store.told.storeCommand.slice(from).filter(({ outcome }) => outcome === "ok");
    expect(commands.map(({ name }) => name)).to.include.members(["enter", "end"]);
    for (const { durationMs } of commands) expect(durationMs).to.be.within(0.01, 100);
  });
});

function commandOf(line: string): string {
  return /"([^"]+)"/.exec(line)?.[1]?.toUpperCase() ?? line;
}

/** When the event loop has gone round a few times: nothing has come over a line by then that hangs. */
async function turnsGone(): Promise<string> {
  let turns = 0;
  await eventually("some turns are gone", () => ++turns > 20);
  return "not yet";
}
