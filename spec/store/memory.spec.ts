import { expect } from "chai";
import { createMemoryStore, createMemoryTable } from "../../lib/store/memory.ts";
import type { Table } from "../../lib/store/store.ts";
import { useFakeClock } from "../support/clock.ts";
import { describeTable } from "./table.contract.ts";

describe("the memory store", () => {
  const clock = useFakeClock();
  const elapse = (ms: number): Promise<void> => clock.elapse(ms);

  describeTable("its table of assignments", () =>
    Promise.resolve({ table: createMemoryStore(clock).assignments, elapse }),
  );
  describeTable("its table of drains", () => Promise.resolve({ table: createMemoryStore(clock).drains, elapse }));

  it("keeps its tables apart, and from those of other stores", async () => {
    const store = createMemoryStore(clock);
    await store.assignments.set("a", "1", null);
    expect(await store.drains.get("a")).to.equal(null);
    expect(await createMemoryStore(clock).assignments.get("a")).to.equal(null);
  });

  it("says that it is gone with its process, and closes", async () => {
    const store = createMemoryStore(clock);
    expect(store.isDurable).to.equal(false);
    await store.close();
  });

  it("leaves no timer behind", async () => {
    const { assignments } = createMemoryStore(clock);
    await assignments.set("a", "1", 1000);
    await assignments.get("a");
    await assignments.all();
    await assignments.size();
    expect(clock.timers()).to.equal(0);
  });

  it("holds 100,000 assignments, and lets go of those that nobody has asked for longest", async () => {
    const { assignments } = createMemoryStore(clock);
    for (let room = 0; room < 100_000; room++) await assignments.set(`room ${String(room)}`, "http://a", 60_000);
    await assignments.get("room 0");
    await assignments.set("one more", "http://a", 60_000);
    expect(await assignments.size()).to.equal(100_000);
    expect(await assignments.get("room 0")).to.equal("http://a");
    expect(await assignments.get("room 1")).to.equal(null);
    expect(await assignments.get("one more")).to.equal("http://a");
  });

  describe("a table that is full", () => {
    let table: Table;
    beforeEach(async () => {
      table = createMemoryTable(clock, 3);
      for (const name of ["a", "b", "c"]) await table.set(name, name, 1000);
    });

    const left = async (): Promise<readonly string[]> => [...(await table.all()).keys()].toSorted();

    const uses: readonly (readonly [how: string, use: () => Promise<unknown>])[] = [
      ["asked for", () => table.get("a")],
      ["set again", () => table.set("a", "2", 1000)],
      ["wanted by a second one", () => table.setIfAbsent("a", "2", 1000)],
      ["moved", () => table.compareAndSet("a", "a", "2", 1000)],
    ];
    for (const [how, use] of uses) {
      it(`keeps what was ${how} before what was not`, async () => {
        await use();
        await table.set("d", "d", 1000);
        expect(await left()).to.deep.equal(["a", "c", "d"]);
      });
    }

    it("does not count it as use when somebody lists them all", async () => {
      await table.all();
      await table.size();
      await table.setIfAbsent("d", "d", null);
      expect(await left()).to.deep.equal(["b", "c", "d"]);
    });

    it("lets go of nothing when what is there changes", async () => {
      for (let round = 0; round < 10; round++) await table.set("c", String(round), 1000);
      expect(await left()).to.deep.equal(["a", "b", "c"]);
    });

    it("never holds more", async () => {
      for (let index = 0; index < 100; index++) await table.set(String(index), "", null);
      expect(await table.size()).to.equal(3);
    });
  });
});
