import { expect } from "chai";
import { type Affinity, createAffinity } from "../../lib/balancing/affinity.ts";
import { createMemoryStore } from "../../lib/store/memory.ts";
import type { Store } from "../../lib/store/store.ts";
import { useFakeClock } from "../support/clock.ts";

const TTL_MS = 60_000;
const [A, B, C] = ["http://a", "http://b", "http://c"] as const;

describe("affinity", () => {
  const clock = useFakeClock();
  let store: Store;
  let affinity: Affinity;
  beforeEach(() => {
    store = createMemoryStore(clock);
    affinity = createAffinity(TTL_MS, store);
  });

  /** What a request does: it asks, is served, and says by whom. */
  const serve = async (conference: string, address: string): Promise<string> =>
    affinity.assign(conference, address, await affinity.get(conference));

  it("knows nothing of a conference that has not been served", async () => {
    expect(await affinity.get("room")).to.equal(null);
    expect(await store.assignments.size()).to.equal(0);
  });

  it("remembers who served a conference until its time is over", async () => {
    expect(await serve("room", A)).to.equal(A);
    await clock.elapse(TTL_MS - 1);
    expect(await affinity.get("room")).to.equal(A);
    await clock.elapse(2);
    expect(await affinity.get("room")).to.equal(null);
  });

  it("begins the time anew with each member", async () => {
    for (let member = 0; member < 5; member++) {
      await serve("room", A);
      await clock.elapse(TTL_MS - 1);
    }
    expect(await affinity.get("room")).to.equal(A);
  });

  it("does not begin the time anew when it is only looked at", async () => {
    await serve("room", A);
    await clock.elapse(TTL_MS - 1);
    await affinity.get("room");
    await clock.elapse(2);
    expect(await affinity.get("room")).to.equal(null);
  });

  it("moves with the conference, and begins the time anew", async () => {
    await serve("room", A);
    await clock.elapse(TTL_MS - 1);
    expect(await serve("room", B)).to.equal(B);
    await clock.elapse(TTL_MS - 1);
    expect(await affinity.get("room")).to.equal(B);
    expect(await store.assignments.size()).to.equal(1);
  });

  it("keeps what somebody else has moved the conference to meanwhile", async () => {
    await serve("room", A);
    const before = await affinity.get("room");
    expect(await affinity.assign("room", B, before)).to.equal(B);
    expect(await affinity.assign("room", C, before)).to.equal(B);
    expect(await affinity.assign("room", A, before)).to.equal(B);
    expect(await affinity.get("room")).to.equal(B);
  });

  it("keeps what somebody else has assigned the new conference to meanwhile", async () => {
    const before = await affinity.get("room");
    expect(await affinity.assign("room", A, before)).to.equal(A);
    expect(await affinity.assign("room", B, before)).to.equal(A);
    expect(await affinity.get("room")).to.equal(A);
  });

  it("gives a new conference one SFU, however many are served at once", async () => {
    const served = Array.from({ length: 20 }, (_, index) => `http://${String(index)}`);
    const answers = await Promise.all(served.map((address) => affinity.assign("room", address, null)));
    expect(new Set(answers)).to.have.property("size", 1);
    expect(answers[0]).to.equal(await affinity.get("room"));
  });

  it("assigns a conference anew whose time ran out while it was being served", async () => {
    await serve("room", A);
    const before = await affinity.get("room");
    await clock.elapse(TTL_MS + 1);
    expect(await affinity.assign("room", B, before)).to.equal(B);
    expect(await affinity.get("room")).to.equal(B);
  });

  it("tells one conference from another, whatever their names", async () => {
    for (const name of ["__proto__", "constructor", "", "https://odoo.example.com:channel:1"]) {
      expect(await affinity.get(name)).to.equal(null);
      await serve(name, `http://${name}`);
      expect(await affinity.get(name)).to.equal(`http://${name}`);
    }
  });

  it("keeps nothing at all where its time is 0", async () => {
    affinity = createAffinity(0, store);
    expect(await serve("room", A)).to.equal(A);
    expect(await affinity.get("room")).to.equal(null);
    expect(await store.assignments.size()).to.equal(0);
  });

  it("counts only what is alive", async () => {
    await serve("old", A);
    await clock.elapse(TTL_MS / 2);
    await serve("new", A);
    expect(await store.assignments.size()).to.equal(2);
    await clock.elapse(TTL_MS / 2 + 1);
    expect(await store.assignments.size()).to.equal(1);
  });

  it("is what every gateway with the same store sees", async () => {
    const neighbour = createAffinity(TTL_MS, store);
    await serve("room", A);
    expect(await neighbour.get("room")).to.equal(A);
    expect(await neighbour.assign("room", B, A)).to.equal(B);
    expect(await affinity.get("room")).to.equal(B);
  });
});
