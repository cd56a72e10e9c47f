import { expect } from "chai";
import { createAffinity } from "../../lib/balancing/affinity.ts";
import { useFakeClock } from "../support/clock.ts";

const TTL_MS = 60_000;

describe("affinity", () => {
  const clock = useFakeClock();

  it("knows nothing of a conference that has not been served", () => {
    const affinity = createAffinity(TTL_MS, clock);
    expect(affinity.get("room")).to.equal(null);
    expect(affinity.size()).to.equal(0);
  });

  it("remembers who served a conference until its time is over", async () => {
    const affinity = createAffinity(TTL_MS, clock);
    affinity.assign("room", "http://a");
    await clock.elapse(TTL_MS);
    expect(affinity.get("room")).to.equal("http://a");
    await clock.elapse(1);
    expect(affinity.get("room")).to.equal(null);
  });

  it("begins the time anew with each assignment", async () => {
    const affinity = createAffinity(TTL_MS, clock);
    for (let member = 0; member < 5; member++) {
      affinity.assign("room", "http://a");
      await clock.elapse(TTL_MS - 1);
    }
    expect(affinity.get("room")).to.equal("http://a");
  });

  it("does not begin the time anew when it is only looked at", async () => {
    const affinity = createAffinity(TTL_MS, clock);
    affinity.assign("room", "http://a");
    await clock.elapse(TTL_MS - 1);
    affinity.get("room");
    await clock.elapse(2);
    expect(affinity.get("room")).to.equal(null);
  });

  it("moves with the conference", () => {
    const affinity = createAffinity(TTL_MS, clock);
    affinity.assign("room", "http://a");
    affinity.assign("room", "http://b");
    expect(affinity.get("room")).to.equal("http://b");
    expect(affinity.size()).to.equal(1);
  });

  it("keeps nothing at all where its time is 0", () => {
    const affinity = createAffinity(0, clock);
    affinity.assign("room", "http://a");
    expect(affinity.get("room")).to.equal(null);
    expect(affinity.size()).to.equal(0);
  });

  it("counts only what is alive", async () => {
    const affinity = createAffinity(TTL_MS, clock);
    affinity.assign("old", "http://a");
    await clock.elapse(TTL_MS / 2);
    affinity.assign("new", "http://a");
    expect(affinity.size()).to.equal(2);
    await clock.elapse(TTL_MS / 2 + 1);
    expect(affinity.size()).to.equal(1);
  });

  it("holds 100,000 conferences, and lets go of those that nobody has asked for longest", () => {
    const affinity = createAffinity(TTL_MS, clock);
    for (let room = 0; room < 100_000; room++) affinity.assign(`room ${String(room)}`, "http://a");
    affinity.get("room 0");
    affinity.assign("one more", "http://a");
    expect(affinity.size()).to.equal(100_000);
    expect(affinity.get("room 0")).to.equal("http://a");
    expect(affinity.get("room 1")).to.equal(null);
    expect(affinity.get("one more")).to.equal("http://a");
  });

  it("takes any name for a conference", () => {
    const affinity = createAffinity(TTL_MS, clock);
    for (const name of ["__proto__", "constructor", "", "https://odoo.example.com:channel:1"]) {
      expect(affinity.get(name)).to.equal(null);
      affinity.assign(name, name);
      expect(affinity.get(name)).to.equal(name);
    }
  });
});
