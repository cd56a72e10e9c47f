import { expect } from "chai";
import { createGeo } from "../../lib/balancing/geo.ts";
import { createRoundRobin } from "../../lib/balancing/strategies/round-robin.ts";
import type { Placement, Strategy } from "../../lib/balancing/strategy.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";

const geo = createGeo({});
const NOWHERE: Placement = { region: null, place: null };

const strategyOf = (): Strategy =>
  createRoundRobin({ placeOf: ({ region }) => (region === null ? null : geo.region(region)) });

const inRegion = (region: string): Placement => ({ region, place: geo.region(region) });

/** Who is first in so many rankings, by the number in the address. */
function firsts(strategy: Strategy, fleet: readonly Sfu[], rounds: number, placement = NOWHERE): string {
  return Array.from({ length: rounds }, () => nameOf(strategy(fleet, placement)[0])).join("");
}

const nameOf = (sfu: Sfu | undefined): string => /\d+/.exec(sfu?.address ?? "")?.[0] ?? "-";
const namesOf = (sfus: readonly Sfu[]): string => sfus.map(nameOf).join("");

function count(text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const letter of text) counts[letter] = (counts[letter] ?? 0) + 1;
  return counts;
}

describe("round-robin", () => {
  it("takes turns among equals", () => {
    const fleet = [sfuOf(1), sfuOf(2), sfuOf(3)];
    expect(firsts(strategyOf(), fleet, 9)).to.equal("123123123");
  });

  it("takes turns by weight, and no weight's turns come in a row", () => {
    const fleet = [sfuOf(1, { weight: 5 }), sfuOf(2), sfuOf(3)];
    // The example of nginx's own commit message.
    expect(firsts(strategyOf(), fleet, 14)).to.equal("11213111121311");
  });

  it("takes turns by weights that are fractions", () => {
    const fleet = [sfuOf(1, { weight: 0.5 }), sfuOf(2, { weight: 0.25 }), sfuOf(3, { weight: 0.25 })];
    expect(count(firsts(strategyOf(), fleet, 400))).to.deep.equal({ 1: 200, 2: 100, 3: 100 });
  });

  it("ranks all who are available, each once", () => {
    const fleet = [sfuOf(1), sfuOf(2), sfuOf(3), sfuOf(4)];
    const strategy = strategyOf();
    for (let round = 0; round < 20; round++) expect(strategy(fleet, NOWHERE)).to.have.members(fleet);
  });

  it("ranks nobody where nobody is available", () => {
    expect(strategyOf()([], NOWHERE)).to.deep.equal([]);
    expect(strategyOf()([], inRegion("eu-west-3"))).to.deep.equal([]);
  });

  it("leaves the list that it is given as it is", () => {
    const fleet = Object.freeze([sfuOf(1, { region: "eu-west-3" }), sfuOf(2, { region: "us-east-1" })]);
    expect(namesOf(strategyOf()(fleet, inRegion("us-east-1")))).to.equal("21");
    expect(namesOf(fleet)).to.equal("12");
  });

  it("stays even while SFUs come and go", () => {
    const random = seeded(7);
    const fleet = Array.from({ length: 6 }, (_, index) => sfuOf(index + 1));
    const strategy = strategyOf();
    const expected: Record<string, number> = {};
    const served: Record<string, number> = {};
    for (let round = 0; round < 20_000; round++) {
      const available = fleet.filter(() => random() < 0.7);
      for (const sfu of available) expected[nameOf(sfu)] = (expected[nameOf(sfu)] ?? 0) + 1 / available.length;
      const first = strategy(available, NOWHERE)[0];
      if (first !== undefined) served[nameOf(first)] = (served[nameOf(first)] ?? 0) + 1;
    }
    for (const [name, fair] of Object.entries(expected)) expect(served[name]).to.be.closeTo(fair, fair * 0.02);
  });

  it("does not make up for the time that an SFU was away: who comes back is not flooded", () => {
    const strategy = strategyOf();
    const [a, b, c] = [sfuOf(1), sfuOf(2), sfuOf(3)];
    firsts(strategy, [a, b, c], 10);
    firsts(strategy, [a, b], 1000);
    expect(count(firsts(strategy, [a, b, c], 30))).to.deep.equal({ 1: 10, 2: 10, 3: 10 });
  });

  it("gives a newcomer its share and no more", () => {
    const strategy = strategyOf();
    const old = [sfuOf(1), sfuOf(2)];
    firsts(strategy, old, 101);
    const counts = count(firsts(strategy, [...old, sfuOf(3)], 30));
    expect(counts["3"]).to.be.within(9, 11);
  });

  describe("with a place to be near to", () => {
    const paris = sfuOf(1, { region: "eu-west-3" });
    const frankfurt = sfuOf(2, { region: "eu-central-1" });
    const virginia = sfuOf(3, { region: "us-east-1" });
    const tokyo = sfuOf(4, { region: "ap-northeast-1" });
    const unmapped = sfuOf(5, { region: "the-basement" });
    const placeless = sfuOf(6);
    const fleet = [placeless, unmapped, tokyo, virginia, frankfurt, paris];

    it("ranks the region first, then the nearest, and who is on no map last", () => {
      expect(namesOf(strategyOf()(fleet, inRegion("eu-west-3")))).to.equal("123465");
    });

    it("ranks by the country where there is no region", () => {
      const place = geo.country("JP");
      expect(nameOf(strategyOf()(fleet, { region: null, place })[0])).to.equal("4");
    });

    it("ranks by the place where no SFU is in the region", () => {
      expect(namesOf(strategyOf()(fleet, inRegion("ap-northeast-3"))).slice(0, 4)).to.equal("4213");
    });

    it("ranks a region that is on no map first where it is the wanted one", () => {
      expect(nameOf(strategyOf()(fleet, { region: "the-basement", place: null })[0])).to.equal("5");
    });

    it("takes turns among all where nobody knows the wanted region", () => {
      const counts = count(firsts(strategyOf(), fleet, 60, { region: "atlantis", place: null }));
      expect(counts).to.deep.equal({ 1: 10, 2: 10, 3: 10, 4: 10, 5: 10, 6: 10 });
    });

    it("takes turns within the region, by weight", () => {
      const twin = sfuOf(7, { region: "eu-west-3", weight: 2 });
      const counts = count(firsts(strategyOf(), [...fleet, twin], 30, inRegion("eu-west-3")));
      expect(counts).to.deep.equal({ 1: 10, 7: 20 });
    });

    it("takes turns among those of one place, and among those of none", () => {
      const twin = sfuOf(7, { region: "us-east-1" });
      const strategy = strategyOf();
      expect(count(firsts(strategy, [virginia, twin], 10, inRegion("eu-west-3")))).to.deep.equal({ 3: 5, 7: 5 });
      expect(count(firsts(strategy, [unmapped, placeless], 10, inRegion("eu-west-3")))).to.deep.equal({ 5: 5, 6: 5 });
    });

    it("stays even within each region whatever is asked for in between", () => {
      const random = seeded(11);
      const strategy = strategyOf();
      const twins = [sfuOf(7, { region: "eu-west-3" }), sfuOf(8, { region: "us-east-1" })];
      let inParis = "";
      for (let round = 0; round < 3000; round++) {
        const wanted = ["eu-west-3", "us-east-1", "ap-northeast-1"][Math.floor(random() * 3)]!;
        const first = nameOf(strategy([...fleet, ...twins], inRegion(wanted))[0]);
        if (wanted === "eu-west-3") inParis += first;
      }
      const counts = count(inParis);
      expect(Object.keys(counts)).to.deep.equal(["1", "7"]);
      expect(counts["1"]! - counts["7"]!).to.be.within(-1, 1);
    });
  });
});
