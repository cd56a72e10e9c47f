import { expect } from "chai";
import { createMemoryHub, createMemoryStore, MAX_ASSIGNMENTS } from "../../lib/store/memory.ts";
import { useFakeClock } from "../support/clock.ts";
import { describeAssignments } from "./assignments.contract.ts";
import { describeBoard } from "./board.contract.ts";
import { describeNotices } from "./notices.contract.ts";
import { assign, patience, served, type SharedStores, turnOf } from "./stores.ts";

describe("the memory store", () => {
  const clock = useFakeClock();
  const make = async (): Promise<SharedStores> => {
    const hub = createMemoryHub(clock);
    const stores = [createMemoryStore(clock, hub), createMemoryStore(clock, hub)] as const;
    await Promise.all(stores.map((store) => store.open()));
    return {
      stores,
      async join(listen) {
        const store = createMemoryStore(clock, hub);
        listen(store);
        await store.open();
        return store;
      },
      age: (ms) => clock.elapse(ms),
      pass: (ms) => clock.elapse(ms),
    };
  };

  describeAssignments("its assignments", make);
  describeBoard("its board", make);
  describeNotices("its notices", make);

  it("shares nothing unless it is told to", async () => {
    const store = createMemoryStore(clock);
    await assign(store, "room", "http://a");
    const another = createMemoryStore(clock);
    expect(await another.assignments.find("room")).to.equal(null);
    expect((await turnOf(another, "room")).home).to.equal(null);
    expect(store.instances()).to.deep.equal([store.instance]);
    expect(another.instance).not.to.equal(store.instance);
  });

  it("knows who shares it, until they close", async () => {
    const shared = await make();
    const [one, other] = shared.stores;
    const third = await shared.join(() => undefined);
    expect(one.instances()).to.deep.equal([one, other, third].map(({ instance }) => instance).toSorted());
    await other.close();
    await other.close();
    expect(one.instances()).to.deep.equal([one, third].map(({ instance }) => instance).toSorted());
  });

  it("says that it is gone with its process, and is never away", () => {
    const store = createMemoryStore(clock);
    expect(store.isDurable).to.equal(false);
    expect(store.isAway()).to.equal(false);
  });

  it("leaves no timer behind", async () => {
    const { stores } = await make();
    const [one, other] = stores;
    const turn = await turnOf(one, "room");
    const waiting = other.assignments.enter("room", patience());
    await clock.elapse(1);
    await turn.end(served("http://a", "room"));
    await waiting;
    await one.board.post("drains", "a", "", 60_000);
    await Promise.all(stores.map((store) => store.close()));
    expect(clock.timers()).to.equal(0);
  });

  it("holds 100,000 assignments, and lets go of those that nobody has asked for longest", async () => {
    const store = createMemoryStore(clock);
    const { assignments } = store;
    expect(MAX_ASSIGNMENTS).to.equal(100_000);
    for (let room = 0; room < MAX_ASSIGNMENTS; room++) await assign(store, `room ${room}`, "http://a");
    await assignments.find("room 0");
    await assign(store, "one more", "http://a");
    expect(assignments.size()).to.equal(MAX_ASSIGNMENTS);
    expect(await assignments.find("room 0")).to.equal("http://a");
    expect(await assignments.find("room 1")).to.equal(null);
    expect(await assignments.find("one more")).to.equal("http://a");
  });

  it("counts no assignment whose time is over", async () => {
    const store = createMemoryStore(clock);
    await assign(store, "room", "http://a", 1000);
    await assign(store, "another", "http://a", 2000);
    await clock.elapse(1001);
    expect(store.assignments.size()).to.equal(1);
  });
});
