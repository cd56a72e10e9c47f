import { expect } from "chai";
import { systemClock } from "../../../lib/clock.ts";
import { orderFor } from "../../../lib/rendezvous.ts";
import type { Entry, Turn } from "../../../lib/store/store.ts";
import { eventually } from "../../support/eventually.ts";
import { type FaultProxy, useFaultProxies } from "../../support/fault-proxy.ts";
import { useRedis } from "../../support/redis.ts";
import { listen } from "../board.contract.ts";
import { assign, NEVER_MS, patience, placedOf, served, turnOf } from "../stores.ts";
import { BY_ITSELF, HASTY_CLOCK, type Instance, keysOf, MOMENT_MS, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";
const C = "http://sfu-c.example.com:8070";

describe("a gateway that cannot reach the store", function () {
  this.timeout(20_000);
  const redis = useRedis();
  const openLine = useFaultProxies();
  const open = useInstances();

  let line: FaultProxy;
  let otherLine: FaultProxy;
  let cutOff: Instance;
  let other: Instance;
  let toCutOff: ReturnType<typeof listen>;
  let toOther: ReturnType<typeof listen>;
  beforeEach(async () => {
    line = await openLine(redis.port);
    otherLine = await openLine(redis.port);
    cutOff = await open({ at: line.port, clock: HASTY_CLOCK, listen: (store) => (toCutOff = listen(store)) });
    other = await open({ at: otherLine.port, clock: HASTY_CLOCK, listen: (store) => (toOther = listen(store)) });
  });

  const cut = async (): Promise<void> => {
    line.set({ kind: "cut" });
    await eventually("it is away", () => cutOff.isAway());
  };
  const heal = async (): Promise<void> => {
    for (const each of [line, otherLine]) each.set({ kind: "none" });
    await eventually("all are back", () => !cutOff.isAway() && !other.isAway(), BY_ITSELF);
  };
  const becomes = (what: string, conference: string, home: string, store = other): Promise<void> =>
    eventually(what, async () => (await store.assignments.find(conference)) === home, BY_ITSELF);

  describe("and its assignments", () => {
    it("knows where the others have placed conferences", async () => {
      await assign(other, "room", A);
      await assign(cutOff, "its own", B);
      // So that it has heard of everything.
      await other.board.post("drains", "a", "", null);
      await eventually("it has heard", () => toCutOff.length === 1);
      await cut();
      expect(await cutOff.assignments.find("room")).to.equal(A);
      expect(await cutOff.assignments.find("its own")).to.equal(B);
      const turn = await turnOf(cutOff, "room");
      expect(turn).to.include({ home: A, isShared: false });
      await turn.end(null);
    });

    it("tells the others where it has placed one meanwhile", async () => {
      await cut();
      expect(await assign(cutOff, "room", A)).to.equal(A);
      expect(await other.assignments.find("room")).to.equal(null);
      await heal();
      await becomes("the other knows", "room", A);
    });

    it("gives way where the others have placed it elsewhere", async () => {
      await cut();
      await assign(other, "room", B);
      expect(await assign(cutOff, "room", A)).to.equal(A);
      await heal();
      await becomes("it has given way", "room", B, cutOff);
      expect(await other.assignments.find("room")).to.equal(B);
    });

    it("tells the others where it has moved one meanwhile", async () => {
      await assign(other, "room", A);
      expect(await cutOff.assignments.find("room")).to.equal(A);
      expect((await endedTurn(cutOff, "room")).home).to.equal(A);
      await cut();
      expect(await assign(cutOff, "room", B)).to.equal(B);
      await heal();
      await becomes("the other knows", "room", B);
    });

    it("gives way where the others have moved it elsewhere", async () => {
      await assign(cutOff, "room", A);
      await cut();
      await assign(other, "room", C);
      await assign(cutOff, "room", B);
      await heal();
      await becomes("it has given way", "room", C, cutOff);
      expect(await other.assignments.find("room")).to.equal(C);
    });

    it("gives way also where it cannot hear of that", async () => {
      await assign(cutOff, "another", A);
      await cut();
      await assign(other, "room", B);
      await assign(other, "another", C);
      await assign(cutOff, "room", A);
      await assign(cutOff, "another", B);
      const [journal] = await keysOf(redis, "*:journal");
      await redis.ask("XTRIM", journal!, "MAXLEN", 0);
      await heal();
      await becomes("it has given way", "room", B, cutOff);
      await becomes("it has given way", "another", C, cutOff);
      expect(await other.assignments.find("room")).to.equal(B);
    });

    it("brings none back as it was before it has moved once more", async () => {
      const others = Array.from({ length: 500 }, (_, index) => `room ${String(index)}`);
      await assign(other, "room", B);
      await eventually("it has heard", () => cutOff.assignments.size() === 1);
      await cut();
      await assign(cutOff, "room", A);
      // These are told of first.
      for (const room of others) await assign(cutOff, room, A);
      line.set({ kind: "delay", ms: 15 });
      const areComing = async (): Promise<boolean> => (await keysOf(redis, "*:home")).length > 1;
      await eventually("it tells", areComing, { patienceMs: 10_000 });
      expect(await assign(cutOff, "room", B)).to.equal(B);
      expect((await keysOf(redis, "*:home")).length, "told of by then").to.be.below(others.length);
      await heal();
      const areThere = async (): Promise<boolean> => (await keysOf(redis, "*:home")).length > others.length;
      await eventually("all are told of", areThere, BY_ITSELF);
      expect(await other.assignments.find("room")).to.equal(B);
      expect(await cutOff.assignments.find("room")).to.equal(B);
    });

    it("brings none back whose time is over", async () => {
      await cut();
      await assign(cutOff, "room", A, 1);
      await assign(cutOff, "another", A);
      await heal();
      await becomes("the other knows", "another", A);
      expect(await other.assignments.find("room")).to.equal(null);
    });
  });

  describe("and its turns", () => {
    const enterAll = async (conference: string): Promise<readonly { instance: string; atMs: number; turn: Turn }[]> => {
      const startMs = systemClock.monotonic();
      const entries = [cutOff, other].map(async (store) => {
        const turn = await turnOf(store, conference);
        return { instance: store.instance, atMs: systemClock.monotonic() - startMs, turn };
      });
      return (await Promise.all(entries)).toSorted((a, b) => a.atMs - b.atMs);
    };
    const knowEachOther = (): Promise<void> =>
      eventually(
        "they know each other",
        () => [cutOff, other].every((store) => store.instances().length === 2),
        BY_ITSELF,
      );
    const cutBoth = async (): Promise<void> => {
      await cut();
      otherLine.set({ kind: "cut" });
      await eventually("both are away", () => other.isAway());
    };

    it("takes them one after the other with those that it knew, for a conference that is nowhere", async () => {
      await knowEachOther();
      await cutBoth();
      for (const conference of ["room", "another", "a third", "a fourth"]) {
        const order = orderFor(conference, [cutOff.instance, other.instance]);
        const entries = await enterAll(conference);
        expect(entries.map(({ instance }) => instance)).to.deep.equal(order);
        expect(entries[1]!.atMs - entries[0]!.atMs).to.be.at.least(15);
        expect(entries[1]!.atMs).to.be.at.most(MOMENT_MS);
        for (const { turn } of entries) await turn.end(null);
      }
    });

    it("waits for nobody where it knows the SFU", async () => {
      await knowEachOther();
      await assign(other, "room", A);
      await endedTurn(cutOff, "room");
      await cutBoth();
      const waits = Array.from({ length: 5 }, async () => {
        const startMs = systemClock.monotonic();
        await endedTurn(cutOff, "room");
        return systemClock.monotonic() - startMs;
      });
      // Whichever of the two is the first for this conference.
      expect(Math.min(...(await Promise.all(waits)))).to.be.below(15);
    });

    it("goes on where it waited for another's turn", async () => {
      const turn = await turnOf(other, "room");
      const waiting = cutOff.assignments.enter("room", patience());
      await cutOff.assignments.find("something else");
      line.set({ kind: "cut" });
      // Sooner than when the lease is over.
      const entry = await within(400, "enter", waiting);
      expect(entry).to.include({ kind: "turn", isShared: false });
      await turn.end(null);
    });

    it("ends one that it had at once, and the others hear of it later", async () => {
      const turn = await turnOf(cutOff, "room");
      await cut();
      expect(await within(MOMENT_MS, "end", Promise.resolve(turn.end(served(A, "room"))))).to.equal(A);
      await heal();
      await becomes("the other knows", "room", A);
    });

    it("does not wait for the end of one to be written where that cannot be", async () => {
      const turn = await turnOf(cutOff, "room");
      line.set({ kind: "hang", way: "server" });
      expect(await within(MOMENT_MS, "end", Promise.resolve(turn.end(served(A, "room"))))).to.equal(A);
    });

    it("costs the others half a second where it was asking SFUs, and learns where they have placed it", async () => {
      const turn = await turnOf(cutOff, "room");
      const waiting = other.assignments.enter("room", patience());
      await other.assignments.find("something else");
      const startMs = systemClock.monotonic();
      line.set({ kind: "cut" });
      const entry = (await waiting) as Turn;
      expect(entry.kind).to.equal("turn");
      expect(systemClock.monotonic() - startMs).to.be.within(100, 500 + MOMENT_MS);
      expect(await entry.end(served(B, "room"))).to.equal(B);
      await heal();
      expect(await Promise.resolve(turn.end(served(A, "room")))).to.equal(B);
      expect(await other.assignments.find("room")).to.equal(B);
    });

    it("keeps its turn as long as it can be reached, however long that takes", async () => {
      const startMs = systemClock.monotonic();
      const turn = await turnOf(cutOff, "room");
      let entry: Entry | null = null;
      const waiting = other.assignments.enter("room", patience()).then((entered) => (entry = entered));
      await eventually("twice the length of a lease has passed", () => systemClock.monotonic() - startMs > 1100);
      expect(entry).to.equal(null);
      await turn.end(served(A, "room"));
      expect(placedOf(await waiting)).to.include({ address: A });
    });

    it("keeps nobody who leaves meanwhile", async () => {
      await knowEachOther();
      await cutBoth();
      const reason = new Error("the caller has left");
      for (const store of [cutOff, other]) {
        const controller = new AbortController();
        const entered = store.assignments.enter("room", patience(NEVER_MS, controller.signal));
        controller.abort(reason);
        const left = await entered.catch((error: unknown) => error);
        if (left !== reason) await (left as Turn).end(null);
        await (await turnOf(store, "another")).end(null);
      }
    });
  });

  describe("and its board", () => {
    it("tells the others later, and hears from them what it has missed", async () => {
      await cut();
      expect(await cutOff.board.post("drains", "a", "from the one", null)).to.equal(false);
      expect(await other.board.post("drains", "b", "from the other", null)).to.equal(true);
      await heal();
      await eventually("both know all", () => toCutOff.length > 0 && toOther.length > 0, BY_ITSELF);
      expect(toOther.at(-1)).to.include({ name: "a", text: "from the one" });
      expect(toCutOff.at(-1)).to.include({ name: "b", text: "from the other" });
    });

    it("lets the younger post hold: the others'", async () => {
      await cut();
      await cutOff.board.post("drains", "a", "the older one", null);
      await nextMillisecond();
      await other.board.post("drains", "a", "the younger one", null);
      await heal();
      await eventually("it has heard the younger one", () => toCutOff.at(-1)?.text === "the younger one", BY_ITSELF);
      expect(await lastOf("a")).to.equal("the younger one");
      expect(toOther.map(({ text }) => text)).not.to.include("the older one");
    });

    it("lets the younger post hold: its own", async () => {
      await cut();
      await other.board.post("drains", "a", "the older one", null);
      await nextMillisecond();
      await cutOff.board.post("drains", "a", "the younger one", null);
      await heal();
      await eventually(
        "the others have heard the younger one",
        () => toOther.at(-1)?.text === "the younger one",
        BY_ITSELF,
      );
      expect(await lastOf("a")).to.equal("the younger one");
      expect(toCutOff.map(({ text }) => text)).not.to.include("the older one");
    });

    it("tells the last of what it posted of one name meanwhile", async () => {
      await cut();
      for (const text of ["1", "2", "3"]) await cutOff.board.post("drains", "a", text, null);
      await heal();
      await eventually("the other has heard", () => toOther.at(-1)?.text === "3", BY_ITSELF);
      expect(await lastOf("a")).to.equal("3");
    });

    it("tells none whose time is over by then", async () => {
      await cut();
      await cutOff.board.post("drains", "a", "text", 1);
      await cutOff.board.post("drains", "b", "text", null);
      await nextMillisecond();
      await heal();
      await eventually("the other has heard", () => toOther.length > 0, BY_ITSELF);
      expect(toOther.map(({ name }) => name)).to.deep.equal(["b"]);
    });

    it("does not hear again what it has heard before", async () => {
      await other.board.post("drains", "a", "text", null);
      await eventually("it has heard", () => toCutOff.length === 1);
      await cut();
      await other.board.post("drains", "b", "text", null);
      await heal();
      await eventually("it has heard the rest", () => toCutOff.length >= 2, BY_ITSELF);
      expect(toCutOff.map(({ name }) => name)).to.deep.equal(["a", "b"]);
    });

    /** Of what a gateway hears that comes later. */
    const lastOf = async (wanted: string): Promise<string | undefined> => {
      let posts: ReturnType<typeof listen> = [];
      await open({ at: redis.port, listen: (store) => (posts = listen(store)) });
      return posts.findLast(({ name }) => name === wanted)?.text;
    };
  });

  it("hears the news that it has missed, with their age", async () => {
    const heard: { readonly address: string; readonly ageMs: number }[] = [];
    cutOff.notices.on((notice) => heard.push(notice));
    await cut();
    const toldMs = systemClock.monotonic();
    other.notices.tell({ kind: "trouble", address: A, isBreakerOpen: true });
    await other.board.post("drains", "a", "", null);
    await eventually("some time has passed", () => systemClock.monotonic() - toldMs > 50);
    await heal();
    await eventually("it has heard", () => heard.length > 0, BY_ITSELF);
    expect(heard).to.have.length(1);
    expect(heard[0]!.ageMs).to.be.within(40, systemClock.monotonic() - toldMs + 50);
  });

  async function endedTurn(store: Instance, conference: string): Promise<Turn> {
    const turn = await turnOf(store, conference);
    await turn.end(null);
    return turn;
  }
});

/** Long enough for two posts to be of different age by whatever clock. */
function nextMillisecond(): Promise<void> {
  const startMs = systemClock.monotonic();
  return eventually("some milliseconds have passed", () => systemClock.monotonic() - startMs > 20);
}
