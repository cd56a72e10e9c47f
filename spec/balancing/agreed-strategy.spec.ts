import { expect } from "chai";
import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { type Desk, inCountry, inRegion, nameOf, namesOf, NOWHERE, openDesk, type Settings } from "./harness.ts";

const CONFERENCES = Array.from({ length: 4000 }, (_, index) => `conference ${String(index)}`);

describe("the strategy of gateways that cannot ask one another", () => {
  const clock = useFakeClock();
  const fleet = [sfuOf(1), sfuOf(2), sfuOf(3), sfuOf(4)];

  const open = (sfus: readonly Sfu[] = fleet, settings: Settings = {}, seed = 1): Desk =>
    openDesk(clock, sfus, settings, seeded(seed));
  const rank = (desk: Desk, agreeOn: string, placement: Placement = NOWHERE): readonly Sfu[] =>
    desk.strategy(desk.registry.all(), { ...placement, agreeOn });
  const first = (desk: Desk, agreeOn: string, placement?: Placement): string =>
    nameOf(rank(desk, agreeOn, placement)[0]);
  /** The share of conferences that each SFU is first for. */
  const shares = (desk: Desk, placement?: Placement): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const conference of CONFERENCES) {
      const name = first(desk, conference, placement);
      counts[name] = (counts[name] ?? 0) + 1 / CONFERENCES.length;
    }
    return counts;
  };
  /** The share of conferences for which two gateways choose alike. */
  const agreement = (one: Desk, other: Desk): number =>
    CONFERENCES.filter((conference) => first(one, conference) === first(other, conference)).length / CONFERENCES.length;

  for (const strategy of ["load", "round-robin"] as const) {
    it(`puts the fleet in the same order everywhere, whatever each has placed itself (${strategy})`, () => {
      const one = open(fleet, { strategy }, 1);
      const other = open(fleet.toReversed(), { strategy }, 2);
      for (let count = 0; count < 50; count++) one.ledger.claim(fleet[0]!);
      for (const conference of CONFERENCES.slice(0, 200)) {
        expect(namesOf(rank(one, conference))).to.equal(namesOf(rank(other, conference)));
        // Whoever has been asked more often has not moved on.
        rank(one, conference);
      }
    });

    it(`spreads conferences evenly over SFUs that are alike (${strategy})`, () => {
      for (const share of Object.values(shares(open(fleet, { strategy })))) expect(share).to.be.within(0.22, 0.28);
    });

    it(`heeds weights (${strategy})`, () => {
      const heavy = sfuOf(9, { weight: 3 });
      expect(shares(open([fleet[0]!, heavy], { strategy }))["9"]).to.be.within(0.71, 0.79);
    });

    it(`heeds the wanted region first, then the distance (${strategy})`, () => {
      const paris = sfuOf(5, { region: "eu-west-3" });
      const frankfurt = sfuOf(6, { region: "eu-central-1" });
      const tokyo = sfuOf(7, { region: "ap-northeast-1" });
      const desk = open([paris, frankfurt, tokyo], { strategy });
      expect(shares(desk, inRegion("eu-west-3"))).to.have.all.keys("5");
      for (const conference of CONFERENCES.slice(0, 100)) {
        expect(namesOf(rank(desk, conference, inRegion("eu-west-3")))[0]).to.equal("5");
        expect(namesOf(rank(desk, conference, inCountry("DE"))).at(-1)).to.equal("7");
      }
    });
  }

  it("chooses as configured where the others can be asked", () => {
    const desk = open();
    const chosen = new Set(CONFERENCES.slice(0, 50).map(() => nameOf(desk.strategy(desk.registry.all(), NOWHERE)[0])));
    expect(chosen.size).to.be.greaterThan(1);
  });

  it("gives to each by the room that its report shows, and something to those that are nearly full", () => {
    const desk = open();
    desk.report(fleet[0]!, { sessions: 1000, channels: 100 });
    desk.report(fleet[1]!, { sessions: 500, channels: 50 });
    desk.report(fleet[2]!, { sessions: 0, channels: 0 });
    desk.report(fleet[3]!, { sessions: 0, channels: 0 });
    const { 1: full = 0, 2: half = 0, 3: empty = 0 } = shares(desk);
    expect(full / empty).to.be.within(0.02, 0.1);
    expect(half / empty).to.be.within(0.42, 0.58);
  });

  it("gives to each by its size", () => {
    const large = sfuOf(9, { maxSessions: 3000 });
    const desk = open([fleet[0]!, large]);
    expect(shares(desk)["9"]).to.be.within(0.71, 0.79);
    expect(shares(open([fleet[0]!, large], { strategy: "round-robin" }))["9"]).to.be.within(0.46, 0.54);
  });

  it("is agreed on in nearly all cases where one has heard a younger report than the other", () => {
    const [one, other] = [open(), open()];
    for (const [index, sfu] of fleet.entries()) {
      one.report(sfu, { sessions: 100 * (index + 1), channels: 10 * (index + 1) });
      other.report(sfu, { sessions: 100 * (index + 1), channels: 10 * (index + 1) });
    }
    other.report(fleet[0]!, { sessions: 140, channels: 14 });
    expect(agreement(one, other)).to.be.greaterThan(0.97).and.lessThan(1);
  });

  it("moves nobody but its own conferences when an SFU is out for one of them", () => {
    const [all, fewer] = [open(), open(fleet.slice(1))];
    for (const conference of CONFERENCES.slice(0, 500)) {
      const [best, second] = rank(all, conference);
      expect(rank(fewer, conference)[0]).to.equal(best === fleet[0] ? second : best);
    }
  });
});
