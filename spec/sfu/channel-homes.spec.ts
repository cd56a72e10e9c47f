import { expect } from "chai";
import { Events } from "../../lib/events.ts";
import { type ChannelHomes, createChannelHomes } from "../../lib/sfu/channel-homes.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

const DAY_MS = 86_400_000;

describe("the homes of channels", () => {
  const clock = useFakeClock();
  const [one, two] = [sfuOf(1), sfuOf(2)];
  let registry: Registry;
  let homes: ChannelHomes;
  beforeEach(() => {
    registry = createRegistry(clock, new Events());
    registry.put(one);
    registry.put(two);
    homes = createChannelHomes(registry, clock);
  });

  it("are the SFUs that made them", () => {
    homes.learn("a", one);
    homes.learn("b", two);
    expect([homes.of("a"), homes.of("b")]).to.deep.equal([one, two]);
  });

  it("are unknown of a channel that did not come by, whatever it is called", () => {
    homes.learn("a", one);
    for (const uuid of ["b", "", "__proto__", "constructor"]) expect(homes.of(uuid)).to.be.null;
  });

  it("are the entry that is in force for the address", () => {
    homes.learn("a", one);
    const replaced = { ...one, weight: 7 };
    registry.put(replaced);
    expect(homes.of("a")).to.equal(replaced);
  });

  it("are forgotten once an SFU was found to have left, for another may have its address next", () => {
    homes.learn("a", one);
    homes.learn("b", two);
    registry.remove(one.address, "static");
    expect(homes.of("a")).to.be.null;
    registry.put(one);
    expect(homes.of("a")).to.be.null;
    expect(homes.of("b")).to.equal(two);
  });

  it("are known for a day", async () => {
    homes.learn("a", one);
    await clock.elapse(DAY_MS);
    expect(homes.of("a")).to.equal(one);
    await clock.elapse(1);
    expect(homes.of("a")).to.be.null;
  });

  it("of a channel that is answered again are known for another day", async () => {
    homes.learn("a", one);
    await clock.elapse(DAY_MS);
    homes.learn("a", one);
    await clock.elapse(DAY_MS);
    expect(homes.of("a")).to.equal(one);
  });

  it("are those of the latest channels where there are too many", () => {
    for (let count = 0; count <= 100_000; count++) homes.learn(String(count), one);
    expect(homes.of("0")).to.be.null;
    expect(homes.of("1")).to.equal(one);
    expect(homes.of("100000")).to.equal(one);
  });

  describe("that are listed", () => {
    it("are believed where nothing else is known", () => {
      homes.learnListed(["a", "b"], one);
      homes.learnListed(["c", "__proto__"], two);
      expect(["a", "b", "c", "__proto__", "d"].map((uuid) => homes.of(uuid))).to.deep.equal([one, one, two, two, null]);
    });

    for (const order of ["before", "after"] as const) {
      it(`stand back behind an answer, given ${order} that`, () => {
        if (order === "before") homes.learn("a", one);
        homes.learnListed(["a"], two);
        if (order === "after") homes.learn("a", one);
        homes.learnListed(["a"], two);
        expect(homes.of("a")).to.equal(one);
      });
    }

    it("take the place of an answer whose SFU has left", () => {
      homes.learn("a", one);
      registry.remove(one.address, "static");
      homes.learnListed(["a"], two);
      expect(homes.of("a")).to.equal(two);
    });

    it("are nobody's where two list one channel, whoever lists it again, until an answer tells", () => {
      homes.learnListed(["a", "b"], one);
      homes.learnListed(["a"], two);
      for (const sfu of [one, two, one]) {
        expect(homes.of("a")).to.be.null;
        homes.learnListed(["a"], sfu);
      }
      expect(homes.of("b")).to.equal(one);
      homes.learn("a", two);
      expect(homes.of("a")).to.equal(two);
    });

    it("are in dispute for a day", async () => {
      homes.learnListed(["a"], one);
      homes.learnListed(["a"], two);
      await clock.elapse(DAY_MS / 2);
      homes.learnListed(["a"], one);
      await clock.elapse(DAY_MS / 2 + 1);
      homes.learnListed(["a"], one);
      expect(homes.of("a")).to.equal(one);
    });

    it("are those of the next that lists it where the first has left", () => {
      homes.learnListed(["a"], one);
      registry.remove(one.address, "static");
      homes.learnListed(["a"], two);
      expect(homes.of("a")).to.equal(two);
    });

    it("are forgotten once their SFU was found to have left", () => {
      homes.learnListed(["a"], one);
      registry.remove(one.address, "static");
      expect(homes.of("a")).to.be.null;
      registry.put(one);
      expect(homes.of("a")).to.be.null;
    });

    it("are known for a day, and from the next reading on for another", async () => {
      homes.learnListed(["a"], one);
      await clock.elapse(DAY_MS);
      homes.learnListed(["a"], one);
      expect(homes.of("a")).to.equal(one);
      await clock.elapse(1);
      expect(homes.of("a")).to.be.null;
      homes.learnListed(["a"], one);
      await clock.elapse(DAY_MS);
      expect(homes.of("a")).to.equal(one);
    });

    it("are forgotten last that were listed last", () => {
      const [some, more] = [0, 1].map((part) =>
        Array.from({ length: 10_000 }, (_, number) => `${String(part)} ${String(number)}`),
      ) as [string[], string[]];
      homes.learnListed(some, one);
      homes.learnListed(more, one);
      for (let part = 2; part < 11; part++) {
        homes.learnListed(some, one);
        homes.learnListed(
          some.map((uuid) => `${String(part)} ${uuid}`),
          two,
        );
      }
      expect([homes.of(some[0]!), homes.of(more[0]!)]).to.deep.equal([one, null]);
    });

    it("are not believed of one that registered itself", () => {
      const own = sfuOf(3, { source: "heartbeat" });
      registry.put(own);
      homes.learnListed(["a"], own);
      expect(homes.of("a")).to.be.null;
      homes.learnListed(["a"], one);
      homes.learnListed(["a"], own);
      expect(homes.of("a")).to.equal(one);
    });

    it("push out no answer, and of one SFU no more than ten thousand others", () => {
      homes.learn("answered", two);
      homes.learnListed(["listed"], two);
      const many = Array.from({ length: 300_000 }, (_, number) => String(number));
      homes.learnListed(many, one);
      expect([homes.of("9999"), homes.of("10000")]).to.deep.equal([one, null]);
      expect([homes.of("answered"), homes.of("listed")]).to.deep.equal([two, two]);
      for (let from = 0; from < many.length; from += 10_000) homes.learnListed(many.slice(from, from + 10_000), one);
      expect([homes.of("answered"), homes.of("listed"), homes.of("0")]).to.deep.equal([two, null, null]);
    });
  });
});
