import { expect } from "chai";
import { type EventMap, Events } from "../../lib/events.ts";
import { createDrains, type Drains } from "../../lib/sfu/drains.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { createMemoryStore } from "../../lib/store/memory.ts";
import type { Store, Table } from "../../lib/store/store.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

describe("drains", () => {
  const clock = useFakeClock();
  const [one, two] = [sfuOf(1), sfuOf(2)];
  let events: Events;
  let registry: Registry;
  let store: Store;
  let troubles: EventMap["unexpected"][];
  beforeEach(() => {
    events = new Events();
    troubles = [];
    events.on("unexpected", (trouble) => troubles.push(trouble));
    registry = createRegistry(clock, events);
    registry.put(one);
    registry.put(two);
    store = { ...createMemoryStore(clock), isDurable: true };
  });

  const start = (): Drains => createDrains({ store, registry, events, clock });
  const startWith = (table: Partial<Table>): Drains => {
    store = { ...store, drains: { ...store.drains, ...table } };
    return start();
  };
  const down = (): Promise<never> => Promise.reject(new Error("the store is down"));

  it("tell the registry, and back", async () => {
    const drains = start();
    expect(await drains.set(one.address, true)).to.deep.equal({ changed: true, durable: true });
    expect([registry.isDraining(one), registry.isDraining(two)]).to.deep.equal([true, false]);
    expect([drains.has(one.address), drains.has(two.address)]).to.deep.equal([true, false]);
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
    expect(registry.isDraining(one)).to.be.false;
    expect(drains.has(one.address)).to.be.false;
  });

  it("are in force before the store has answered", () => {
    const drains = startWith({ setIfAbsent: () => new Promise(() => undefined) });
    void drains.set(one.address, true);
    expect(registry.isDraining(one)).to.be.true;
  });

  it("say whether anything has changed", async () => {
    const drains = start();
    expect(await drains.set(one.address, false)).to.include({ changed: false });
    await drains.set(one.address, true);
    expect(await drains.set(one.address, true)).to.include({ changed: false });
  });

  it("are stored with the moment when they began", async () => {
    const drains = start();
    await drains.set(one.address, true);
    await clock.elapse(5000);
    await drains.set(one.address, true);
    expect([...(await store.drains.all())]).to.deep.equal([[one.address, new Date(START_MS).toISOString()]]);
    await drains.set(one.address, false);
    expect((await store.drains.all()).size).to.equal(0);
  });

  it("outlive the gateway in a store that does", async () => {
    await start().set(one.address, true);
    registry = createRegistry(clock, new Events());
    registry.put(one);
    registry.put(two);
    const drains = start();
    await drains.load();
    expect([registry.isDraining(one), registry.isDraining(two)]).to.deep.equal([true, false]);
    expect(await drains.set(one.address, true)).to.include({ changed: false });
  });

  it("outlive an SFU that leaves and comes back", async () => {
    const drains = start();
    await drains.set(one.address, true);
    registry.remove(one.address, "static");
    const successor = sfuOf(1, { source: "heartbeat" });
    registry.put(successor);
    expect(registry.isDraining(successor)).to.be.true;
  });

  it("apply to an SFU that comes after they were loaded, and to no other", async () => {
    const late = sfuOf(3);
    await store.drains.set(late.address, "2026-01-01T00:00:00.000Z", null);
    await start().load();
    registry.put(late);
    registry.put(sfuOf(4));
    expect([registry.isDraining(late), registry.isDraining(sfuOf(4))]).to.deep.equal([true, false]);
  });

  it("can end while the SFU is away", async () => {
    const drains = start();
    await drains.set(one.address, true);
    registry.remove(one.address, "static");
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
    registry.put(one);
    expect(registry.isDraining(one)).to.be.false;
  });

  it("in memory end with the process: an SFU that is not drained stays so", async () => {
    store = createMemoryStore(clock);
    const drains = start();
    expect(await drains.set(one.address, true)).to.deep.equal({ changed: true, durable: false });
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
  });

  describe("with a store that fails", () => {
    it("are in force all the same, and it is told", async () => {
      const drains = startWith({ setIfAbsent: down, delete: down });
      expect(await drains.set(one.address, true)).to.deep.equal({ changed: true, durable: false });
      expect(registry.isDraining(one)).to.be.true;
      expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: false });
      expect(registry.isDraining(one)).to.be.false;
      expect(troubles.map(({ where, error }) => [where, error.message])).to.deep.equal(
        Array(2).fill(["the store of the drains", "the store is down"]),
      );
    });

    it("are saved when they are set once more", async () => {
      const { drains: table } = store;
      let isDown = true;
      const drains = startWith({ setIfAbsent: (...args) => (isDown ? down() : table.setIfAbsent(...args)) });
      await drains.set(one.address, true);
      isDown = false;
      expect(await drains.set(one.address, true)).to.deep.equal({ changed: false, durable: true });
      expect([...(await store.drains.all()).keys()]).to.deep.equal([one.address]);
    });

    it("start without those that it has", async () => {
      const drains = startWith({ all: down });
      await drains.load();
      expect(registry.isDraining(one)).to.be.false;
      expect(troubles).to.have.length(1);
    });
  });

  describe("with a store that hangs", () => {
    it("wait for a second", async () => {
      const drains = startWith({ setIfAbsent: () => new Promise(() => undefined) });
      const set = drains.set(one.address, true);
      await clock.elapse(1000);
      expect(await set).to.deep.equal({ changed: true, durable: false });
      expect(troubles[0]!.error.message).to.equal("no answer within 1000 ms");
      expect(clock.timers()).to.equal(0);
    });

    it("start without those that it has, and take them when they come, but for what was said meanwhile", async () => {
      const stored = Promise.withResolvers<ReadonlyMap<string, string>>();
      const drains = startWith({ all: () => stored.promise });
      const load = drains.load();
      await clock.elapse(1000);
      await load;
      await drains.set(two.address, false);
      stored.resolve(
        new Map([
          [one.address, ""],
          [two.address, ""],
        ]),
      );
      await clock.elapse(0);
      expect([registry.isDraining(one), registry.isDraining(two)]).to.deep.equal([true, false]);
    });
  });
});
