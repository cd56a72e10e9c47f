import { expect } from "chai";
import fc from "fast-check";
import { distanceKm, FARTHEST_KM } from "../../../lib/balancing/geo.ts";
import { geo, inRegion, openDesk, type Settings } from "../../balancing/harness.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds, upTo } from "../property.ts";
import { fleetOf, regions, told, type Told, weights } from "./fleet.ts";

const place = fc.record({
  latitude: fc.oneof(fc.constantFrom(-90, 0, 90), fc.double({ min: -90, max: 90, noNaN: true })),
  longitude: fc.oneof(fc.constantFrom(-180, 0, 180), fc.double({ min: -180, max: 180, noNaN: true })),
});

describe("a score, whatever is reported", () => {
  const clock = useFakeClock();

  /** The total of an SFU that tells this, where the weights are these. */
  const totalOf = (parts: Told, settings: Settings, weight = 1, claims = 0): number => {
    const sfu = sfuOf(1, { weight, maxSessions: 500 });
    const { loads, ledger, report } = openDesk(clock, [sfu], settings);
    report(sfu, parts);
    for (let count = 0; count < claims; count++) ledger.claim(sfu);
    return loads.totalOf(sfu);
  };
  /** No less, but for what rounding takes. */
  const expectNoLess = (higher: number, lower: number): void => {
    expect(higher).to.be.at.least(lower - 1e-9 * Math.max(1, Math.abs(lower)));
  };

  holds(
    "is a number from 0 on, and the sum of its parts",
    500,
    fc.property(fleetOf(1, 8), weights, upTo(20, fc.nat(7)), (members, parts, claims) => {
      const fleet = members.map(({ sfu }) => sfu);
      const { loads, ledger, report } = openDesk(clock, fleet, { weights: parts });
      for (const { sfu, told } of members) if (told !== null) report(sfu, told);
      for (const at of claims) if (fleet[at] !== undefined) ledger.claim(fleet[at]);
      const scoreOf = loads.scoring();
      for (const sfu of fleet) {
        const { sessions, cpu, memory, assumed, expected, total } = loads.of(sfu);
        for (const number of [total, loads.totalOf(sfu), loads.roomOf(sfu), loads.costOf(sfu), scoreOf(sfu)]) {
          expect(Number.isFinite(number) && number >= 0, String(number)).to.equal(true);
        }
        const sum = ((sessions ?? 0) + (cpu ?? 0) + (memory ?? 0) + (assumed ?? 0) + expected) / sfu.weight;
        expect(sum).to.be.closeTo(total, 1e-9 * Math.max(1, total));
        expect(assumed === null).to.equal((sessions ?? cpu ?? memory) !== null);
        expect(scoreOf(sfu)).to.be.closeTo(total + loads.roomOf(sfu), 1e-9 * Math.max(1, scoreOf(sfu)));
      }
    }),
  );

  for (const factor of ["sessions", "cpu", "memory"] as const) {
    holds(
      `does not fall as ${factor} rises`,
      300,
      fc.property(told, told, weights, (one, other, parts) => {
        const [less, more] = [one[factor], other[factor]].sort((a, b) => (a ?? -1) - (b ?? -1));
        if (less === undefined || more === undefined || less === null || more === null) return;
        const settings = { weights: parts };
        expectNoLess(totalOf({ ...one, [factor]: more }, settings), totalOf({ ...one, [factor]: less }, settings));
      }),
    );

    holds(
      `is the same where ${factor} is not told as where it is what the others are on average`,
      300,
      fc.property(
        told.filter(({ cpu, memory }) => cpu !== null && memory !== null),
        weights,
        (parts, settings) => {
          const shares = { sessions: parts.sessions / 500, cpu: parts.cpu ?? 0, memory: parts.memory ?? 0 };
          const others = (["sessions", "cpu", "memory"] as const).filter((name) => name !== factor);
          const weight = others.reduce((sum, name) => sum + settings[name], 0);
          // Sessions are always told; and where nothing else counts, there is no average.
          if (factor === "sessions" || weight < 1e-6) return;
          const mean = others.reduce((sum, name) => sum + settings[name] * shares[name], 0) / weight;
          const withMean = totalOf({ ...parts, [factor]: mean }, { weights: settings });
          const without = totalOf({ ...parts, [factor]: null }, { weights: settings });
          expect(without).to.be.closeTo(withMean, 1e-9 * Math.max(1, withMean));
        },
      ),
    );
  }

  holds(
    "falls as the weight of the SFU rises, and rises with every conference that is placed",
    300,
    fc.property(
      told,
      weights,
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.nat(5),
      (parts, all, weight, more) => {
        const settings = { weights: all };
        expectNoLess(totalOf(parts, settings, 0.01, more), totalOf(parts, settings, weight, more));
        expectNoLess(totalOf(parts, settings, weight, more), totalOf(parts, settings, 100, more));
        expectNoLess(totalOf(parts, settings, weight, more + 1), totalOf(parts, settings, weight, more));
      },
    ),
  );

  holds(
    "puts the nearer of two first that are alike otherwise",
    300,
    fc.property(
      regions,
      regions,
      regions,
      fc.double({ min: 0.1, max: 1000, noNaN: true }),
      (from, one, other, distance) => {
        if (from === null) return;
        const where = inRegion(from);
        const fleet = [sfuOf(1, { region: one }), sfuOf(2, { region: other })];
        const { strategy } = openDesk(clock, fleet, { weights: { distance } }, () => 0);
        const far = fleet.map(({ region }) => {
          const at = region === null ? null : geo.region(region);
          if (region === from) return -1;
          return at === null || where.place === null ? Infinity : distanceKm(where.place, at);
        });
        const [first] = strategy(fleet, where);
        const isKnown = where.place !== null || far.includes(-1);
        if (isKnown && far[0]! !== far[1]!) expect(first).to.equal(fleet[far[0]! < far[1]! ? 0 : 1]);
      },
    ),
  );

  holds(
    "takes distances that are ones: symmetric, nowhere farther than half way round, no detour shorter",
    1000,
    fc.property(place, place, place, (a, b, c) => {
      const direct = distanceKm(a, b);
      expect(direct).to.be.within(0, FARTHEST_KM);
      expect(distanceKm(b, a)).to.be.closeTo(direct, 1e-6);
      expect(distanceKm(a, a)).to.equal(0);
      expect(distanceKm(a, c) + distanceKm(c, b)).to.be.at.least(direct - 1e-3);
    }),
  );
});
