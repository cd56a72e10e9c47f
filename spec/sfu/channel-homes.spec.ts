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
});
