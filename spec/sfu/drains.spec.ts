import { expect } from "chai";
import { Events } from "../../lib/events.ts";
import { createDrains, type Drains } from "../../lib/sfu/drains.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { createMemoryStore } from "../../lib/store/memory.ts";
import type { Store } from "../../lib/store/store.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { createRoom, type Room, type RoomStore } from "./several/room.ts";

/** One gateway, as far as drains go. */
interface Instance {
  readonly store: RoomStore;
  readonly registry: Registry;
  readonly drains: Drains;
}

describe("drains", () => {
  const clock = useFakeClock();
  const [one, two] = [sfuOf(1), sfuOf(2)];
  let room: Room;
  beforeEach(() => {
    room = createRoom(clock);
  });

  const startWith = (store: Store): Omit<Instance, "store"> => {
    const events = new Events();
    const registry = createRegistry(clock, events);
    registry.put(one);
    registry.put(two);
    return { registry, drains: createDrains({ store, registry, events, clock }) };
  };
  const start = async (): Promise<Instance> => {
    const store = room.enter();
    const instance = { store, ...startWith(store) };
    await store.open();
    return instance;
  };
  const drained = ({ registry }: Pick<Instance, "registry">): boolean[] =>
    [one, two].map((sfu) => registry.isDraining(sfu));
  /** What is on the board now: the moment when each began. */
  const board = async (): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    const store = room.enter();
    store.board.on("drains", ({ name, text }) => (found[name] = text));
    await store.open();
    await store.close();
    return found;
  };

  it("tell the registry, and back", async () => {
    const { drains, registry } = await start();
    expect(await drains.set(one.address, true)).to.deep.equal({ changed: true, durable: true });
    expect(drained({ registry })).to.deep.equal([true, false]);
    expect([drains.has(one.address), drains.has(two.address)]).to.deep.equal([true, false]);
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
    expect(drained({ registry })).to.deep.equal([false, false]);
    expect(drains.has(one.address)).to.be.false;
  });

  it("are in force before the store has answered", () => {
    const store = room.enter();
    const { drains, registry } = startWith({
      ...store,
      board: { ...store.board, post: () => new Promise(() => undefined) },
    });
    void drains.set(one.address, true);
    expect(drained({ registry })).to.deep.equal([true, false]);
  });

  it("say whether anything has changed", async () => {
    const { drains } = await start();
    expect(await drains.set(one.address, false)).to.include({ changed: false });
    await drains.set(one.address, true);
    expect(await drains.set(one.address, true)).to.include({ changed: false });
  });

  it("are posted with the moment when they began", async () => {
    const [here, there] = [await start(), await start()];
    await here.drains.set(one.address, true);
    await clock.elapse(5000);
    await here.drains.set(one.address, true);
    await there.drains.set(one.address, true);
    expect(await board()).to.deep.equal({ [one.address]: new Date(START_MS).toISOString() });
    await here.drains.set(one.address, false);
    expect(await board()).to.deep.equal({ [one.address]: "" });
  });

  it("hold for as long as the store does, and their end for a day", async () => {
    const { drains } = await start();
    await drains.set(one.address, true);
    await drains.set(two.address, false);
    await clock.elapse(86_400_000 - 1);
    expect(Object.keys(await board())).to.deep.equal([one.address, two.address]);
    await clock.elapse(1);
    expect(Object.keys(await board())).to.deep.equal([one.address]);
  });

  it("outlive an SFU that leaves and comes back", async () => {
    const { drains, registry } = await start();
    await drains.set(one.address, true);
    registry.remove(one.address, "static");
    const successor = sfuOf(1, { source: "heartbeat" });
    registry.put(successor);
    expect(registry.isDraining(successor)).to.be.true;
  });

  it("can end while the SFU is away", async () => {
    const { drains, registry } = await start();
    await drains.set(one.address, true);
    registry.remove(one.address, "static");
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
    registry.put(one);
    expect(registry.isDraining(one)).to.be.false;
  });

  it("in memory end with the process: an SFU that is not drained stays so", async () => {
    const { drains } = startWith(createMemoryStore(clock));
    expect(await drains.set(one.address, true)).to.deep.equal({ changed: true, durable: false });
    expect(await drains.set(one.address, false)).to.deep.equal({ changed: true, durable: true });
  });

  describe("of several gateways", () => {
    it("are in force at all of them, wherever they were set", async () => {
      const instances = [await start(), await start(), await start()];
      await instances[0]!.drains.set(one.address, true);
      expect(instances.map(drained)).to.deep.equal(Array(3).fill([true, false]));
      await instances[1]!.drains.set(one.address, false);
      expect(instances.map(drained)).to.deep.equal(Array(3).fill([false, false]));
    });

    it("are known to one that starts, and one that has ended is not", async () => {
      const { drains } = await start();
      await drains.set(one.address, true);
      await drains.set(two.address, true);
      await drains.set(two.address, false);
      const late = await start();
      expect(drained(late)).to.deep.equal([true, false]);
      expect(late.drains.has(one.address)).to.be.true;
      expect(await late.drains.set(one.address, true)).to.include({ changed: false });
    });

    it("apply to an SFU that comes after they were heard of, and to no other", async () => {
      const [here, there] = [await start(), await start()];
      const late = sfuOf(3);
      await here.drains.set(late.address, true);
      there.registry.put(late);
      there.registry.put(sfuOf(4));
      expect([there.registry.isDraining(late), there.registry.isDraining(sfuOf(4))]).to.deep.equal([true, false]);
    });

    it("are told as drains of the SFU, once", async () => {
      const [here, store, events] = [await start(), room.enter(), new Events()];
      const told: boolean[] = [];
      events.on("drain", ({ isDraining }) => told.push(isDraining));
      const registry = createRegistry(clock, events);
      registry.put(one);
      createDrains({ store, registry, events, clock });
      await here.drains.set(one.address, true);
      await here.drains.set(one.address, true);
      await here.drains.set(one.address, false);
      expect(told).to.deep.equal([true, false]);
    });
  });

  describe("while the store is away", () => {
    it("are in force here, and it is said that they may not last", async () => {
      const [here, there] = [await start(), await start()];
      here.store.setAway(true);
      expect(await here.drains.set(one.address, true)).to.deep.equal({ changed: true, durable: false });
      expect([drained(here), drained(there)]).to.deep.equal([
        [true, false],
        [false, false],
      ]);
    });

    it("are exchanged once it is back, and the younger word counts", async () => {
      const [here, there] = [await start(), await start()];
      here.store.setAway(true);
      await here.drains.set(one.address, true);
      await here.drains.set(two.address, true);
      await clock.elapse(1000);
      await there.drains.set(two.address, true);
      await there.drains.set(two.address, false);
      here.store.setAway(false);
      expect([drained(here), drained(there)]).to.deep.equal([
        [true, false],
        [true, false],
      ]);
    });
  });
});
