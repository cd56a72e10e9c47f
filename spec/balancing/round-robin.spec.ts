import { expect } from "chai";
import { WARM_UP_MS } from "../../lib/balancing/slow-start.ts";
import type { Strategy } from "../../lib/balancing/strategy.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { count, inCountry, inRegion, nameOf, namesOf, NOWHERE, openDesk } from "./harness.ts";

/** Who is first in so many rankings, by the number in the address. */
function firsts(strategy: Strategy, fleet: readonly Sfu[], rounds: number, placement = NOWHERE): string {
  return Array.from({ length: rounds }, () => nameOf(strategy(fleet, placement)[0])).join("");
}

describe("round-robin", () => {
  const clock = useFakeClock();

  const strategyOf = (maxRetries = 100): Strategy =>
    openDesk(clock, [], { strategy: "round-robin", maxRetries }).strategy;

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

  it("ranks no more than are asked for at most", () => {
    const fleet = [sfuOf(1), sfuOf(2), sfuOf(3), sfuOf(4)];
    const strategy = strategyOf(2);
    expect(Array.from({ length: 5 }, () => namesOf(strategy(fleet, NOWHERE)))).to.deep.equal([
      "12",
      "23",
      "34",
      "41",
      "12",
    ]);
  });

  it("ranks next to the first who has waited longest", () => {
    const fleet = [sfuOf(1), sfuOf(2), sfuOf(3)];
    const strategy = strategyOf();
    expect(Array.from({ length: 3 }, () => namesOf(strategy(fleet, NOWHERE)))).to.deep.equal(["123", "231", "312"]);
  });

  it("does not look at the load", () => {
    const desk = openDesk(clock, [sfuOf(1), sfuOf(2)], { strategy: "round-robin" });
    desk.report(sfuOf(1), { sessions: 900 });
    desk.ledger.claim(sfuOf(1));
    expect(firsts(desk.strategy, desk.registry.all(), 6)).to.equal("121212");
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
      expect(nameOf(strategyOf()(fleet, inCountry("JP"))[0])).to.equal("4");
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

  describe("with SFUs that are warming up", () => {
    const [a, b, c] = [sfuOf(1), sfuOf(2), sfuOf(3)];

    /** SFU 3 has joined the others when the gateway had been up for a while. */
    const joined = async (fleet: readonly Sfu[] = [a, b, c], seed = 1): Promise<Strategy> => {
      const desk = openDesk(clock, fleet.slice(0, -1), { strategy: "round-robin" }, seeded(seed));
      await clock.elapse(WARM_UP_MS + 1);
      for (const sfu of fleet.slice(-1)) desk.registry.put(sfu);
      return desk.strategy;
    };

    it("gives who warms up few turns, the others theirs, and all in the end", async () => {
      const strategy = await joined();
      const early = count(firsts(strategy, [a, b, c], 900));
      expect(early["3"]).to.be.within(5, 120);
      expect(early["1"]! - early["2"]!).to.be.within(-30, 30);
      await clock.elapse(WARM_UP_MS);
      const late = count(firsts(strategy, [a, b, c], 900));
      for (const name of ["1", "2", "3"]) expect(late[name]).to.be.closeTo(300, 2);
    });

    it("ranks who stands back after the others of its place, and before those farther away", async () => {
      const fleet = [
        sfuOf(1, { region: "eu-west-3" }),
        sfuOf(2, { region: "eu-central-1" }),
        sfuOf(3, { region: "eu-west-3" }),
      ];
      const strategy = await joined(fleet);
      const rankings = count(Array.from({ length: 300 }, () => namesOf(strategy(fleet, inRegion("eu-west-3")))));
      expect(Object.keys(rankings)).to.have.members(["132", "312"]);
      expect(rankings["132"]).to.be.above(200);
    });

    it("asks who warms up all the same where there is nobody else", async () => {
      const strategy = await joined();
      expect(firsts(strategy, [c], 20)).to.equal("3".repeat(20));
    });
  });
});
