import { expect } from "chai";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useFaultProxies } from "../../support/fault-proxy.ts";
import { useRedis } from "../../support/redis.ts";
import { OTHER_KEY } from "../../support/tokens.ts";
import { turnOf } from "../stores.ts";
import { BY_ITSELF, type Instance, MOMENT_MS, HASTY_CLOCK, useInstances } from "./harness.ts";

describe("the gateways that share a Redis", function () {
  this.timeout(15_000);
  const redis = useRedis();
  const openLine = useFaultProxies();
  const open = useInstances();

  const know = (store: Instance, ...known: readonly Instance[]): Promise<void> => {
    const names = namesOf(known);
    return eventually("it knows who is there", () => store.instances().join() === names.join(), BY_ITSELF);
  };

  it("have names of their own, another one after each start", async () => {
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    expect(one.instances()).to.deep.equal([one.instance]);
    const { instance } = await open({ clock: HASTY_CLOCK, at: redis.port });
    expect(instance).not.to.equal(one.instance);
    expect([one.isDurable, one.isAway()]).to.deep.equal([true, false]);
  });

  it("know of each other: who comes at once, the others within moments", async () => {
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    const other = await open({ clock: HASTY_CLOCK, at: redis.port });
    expect(other.instances()).to.deep.equal(namesOf([one, other]));
    await know(one, one, other);
    expect(one.told.instances.at(-1)).to.deep.equal({ instances: namesOf([one, other]) });
    const third = await open({ clock: HASTY_CLOCK, at: redis.port });
    for (const store of [one, other, third]) await know(store, one, other, third);
  });

  it("know when one leaves, and say so once", async () => {
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    const other = await open({ clock: HASTY_CLOCK, at: redis.port });
    await know(one, one, other);
    const leftMs = systemClock.monotonic();
    await other.close();
    await know(one, one);
    expect(systemClock.monotonic() - leftMs, "before its life would have been over").to.be.below(2000);
    expect(one.told.instances.map(({ instances }) => instances.length).slice(-2)).to.deep.equal([2, 1]);
  });

  describe("place conferences as those do who cannot be asked", () => {
    const isAgreed = async (store: Instance, conference: string): Promise<boolean> => {
      const turn = await turnOf(store, conference);
      await turn.end(null);
      return !turn.isShared;
    };

    it("while one is silent that may be cut off, until it is heard again", async () => {
      const line = await openLine(redis.port);
      const one = await open({ clock: HASTY_CLOCK, at: redis.port });
      const other = await open({ clock: HASTY_CLOCK, at: line.port });
      await know(one, one, other);
      expect(await isAgreed(one, "room 1")).to.equal(false);
      line.set({ kind: "cut" });
      await know(one, one);
      expect(await isAgreed(one, "room 2")).to.equal(true);
      line.set({ kind: "none" });
      await know(one, one, other);
      expect(await isAgreed(one, "room 3")).to.equal(false);
      expect(await isAgreed(other, "room 4")).to.equal(false);
    });

    it("not when one has taken its leave, and not when the store was emptied", async () => {
      const one = await open({ clock: HASTY_CLOCK, at: redis.port });
      const other = await open({ clock: HASTY_CLOCK, at: redis.port });
      const third = await open({ clock: HASTY_CLOCK, at: redis.port });
      await know(one, one, other, third);
      await other.close();
      await know(one, one, third);
      expect(await isAgreed(one, "room 1")).to.equal(false);
      await redis.ask("FLUSHALL");
      await know(one, one, third);
      expect(await isAgreed(one, "room 2")).to.equal(false);
    });
  });

  it("know within seconds when one has died", async () => {
    const line = await openLine(redis.port);
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    const other = await open({ clock: HASTY_CLOCK, at: line.port });
    await know(one, one, other);
    const diedMs = systemClock.monotonic();
    line.set({ kind: "cut" });
    await know(one, one);
    expect(systemClock.monotonic() - diedMs).to.be.within(1500, 4000 + MOMENT_MS);
    line.set({ kind: "none" });
    await know(one, one, other);
    await know(other, one, other);
  });

  it("do not count those of another fleet, or another key", async () => {
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    const stranger = await open({ clock: HASTY_CLOCK, at: redis.port, prefix: "another" });
    const liar = await open({ clock: HASTY_CLOCK, at: redis.port, keys: [OTHER_KEY] });
    const other = await open({ clock: HASTY_CLOCK, at: redis.port });
    await know(one, one, other);
    await know(stranger, stranger);
    await know(liar, liar);
  });

  it("say nothing while nobody comes or goes", async () => {
    const one = await open({ clock: HASTY_CLOCK, at: redis.port });
    const other = await open({ clock: HASTY_CLOCK, at: redis.port });
    await know(one, one, other);
    const told = one.told.instances.length;
    const third = await open({ clock: HASTY_CLOCK, at: redis.port });
    await know(one, one, other, third);
    expect(one.told.instances).to.have.length(told + 1);
  });
});

function namesOf(stores: readonly Instance[]): readonly string[] {
  return stores.map(({ instance }) => instance).toSorted();
}
