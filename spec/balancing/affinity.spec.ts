import { expect } from "chai";
import { type Affinity, createAffinity } from "../../lib/balancing/affinity.ts";
import { createMemoryHub, createMemoryStore, type MemoryHub } from "../../lib/store/memory.ts";
import type { Store, Turn } from "../../lib/store/store.ts";
import { useFakeClock } from "../support/clock.ts";

const TTL_MS = 60_000;
const [A, B] = ["http://a", "http://b"] as const;

describe("affinity", () => {
  const clock = useFakeClock();
  const patience = { signal: new AbortController().signal, timeoutMs: 1000 };
  let hub: MemoryHub;
  let store: Store;
  let affinity: Affinity;
  beforeEach(() => {
    hub = createMemoryHub(clock);
    store = createMemoryStore(clock, hub);
    affinity = createAffinity(TTL_MS, store);
  });

  const turnOf = async (conference: string): Promise<Turn> => {
    const entry = await affinity.enter(conference, patience);
    if (entry.kind !== "turn") throw new Error("another gateway had the turn");
    return entry;
  };
  /** What a request does: it takes its turn, is served, and says by whom. */
  const serve = async (conference: string, address: string): Promise<string | null> => {
    const turn = await turnOf(conference);
    return turn.end({ address, channel: { uuid: "uuid", url: address }, ttlMs: affinity.ttlMs });
  };

  it("knows nothing of a conference that has not been served", async () => {
    expect(await affinity.find("room")).to.equal(null);
    const turn = await turnOf("room");
    expect(turn.home).to.equal(null);
    await turn.end(null);
    expect(store.assignments.size()).to.equal(0);
  });

  it("remembers who served a conference until its time is over", async () => {
    expect(await serve("room", A)).to.equal(A);
    await clock.elapse(TTL_MS - 1);
    expect(await affinity.find("room")).to.equal(A);
    expect((await turnOf("room")).home).to.equal(A);
    await clock.elapse(2);
    expect(await affinity.find("room")).to.equal(null);
  });

  it("begins the time anew with each member, and not when it is only looked at", async () => {
    for (let member = 0; member < 5; member++) {
      await serve("room", A);
      await clock.elapse(TTL_MS - 1);
    }
    expect(await affinity.find("room")).to.equal(A);
    await clock.elapse(2);
    expect(await affinity.find("room")).to.equal(null);
  });

  it("does not begin the time anew where nobody served", async () => {
    await serve("room", A);
    await clock.elapse(TTL_MS - 1);
    await (await turnOf("room")).end(null);
    await clock.elapse(2);
    expect(await affinity.find("room")).to.equal(null);
  });

  it("moves with the conference, and begins the time anew", async () => {
    await serve("room", A);
    await clock.elapse(TTL_MS - 1);
    expect(await serve("room", B)).to.equal(B);
    await clock.elapse(TTL_MS - 1);
    expect(await affinity.find("room")).to.equal(B);
    expect(store.assignments.size()).to.equal(1);
  });

  it("keeps nothing at all where its time is 0, and nothing from before a reload", async () => {
    await serve("room", A);
    affinity = createAffinity(0, store);
    expect(await affinity.find("room")).to.equal(null);
    expect((await turnOf("room")).home).to.equal(null);
    expect(await serve("another room", A)).to.equal(null);
    expect(store.assignments.size()).to.equal(1);
  });

  it("hands on what another gateway was given meanwhile, also where its time is 0", async () => {
    for (const ttlMs of [TTL_MS, 0]) {
      affinity = createAffinity(ttlMs, createMemoryStore(clock, hub));
      const turn = await turnOf(String(ttlMs));
      const waiting = createAffinity(ttlMs, store).enter(String(ttlMs), patience);
      await turn.end({ address: B, channel: { uuid: "uuid", url: B }, ttlMs });
      expect(await waiting).to.deep.equal({ kind: "placed", address: B, channel: { uuid: "uuid", url: B } });
    }
  });
});
