import { expect } from "chai";
import fc from "fast-check";
import { createAvailability } from "../../../lib/balancing/availability.ts";
import { createRank, type Rank } from "../../../lib/balancing/rank.ts";
import type { Availability, Sfu } from "../../../lib/sfu/sfu.ts";
import { type Desk, inRegion, NOWHERE, openDesk, type Settings } from "../../balancing/harness.ts";
import { useFakeClock } from "../../support/clock.ts";
import { seeded } from "../../support/random.ts";
import { holds } from "../property.ts";
import { type Condition, condition, fleetOf, type Member, regions, weights } from "./fleet.ts";

const settings: fc.Arbitrary<Settings> = fc.record({
  strategy: fc.constantFrom("load" as const, "round-robin" as const),
  weights,
  maxRetries: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 100 })),
});
const placement = regions.map((region) => (region === null ? NOWHERE : inRegion(region)));

describe("a ranking, whatever the fleet", () => {
  const clock = useFakeClock();

  interface Stage extends Desk {
    readonly sfus: readonly Sfu[];
    readonly rank: Rank;
    readonly availabilityOf: (sfu: Sfu) => Availability;
    /** What holds of an SFU at this moment; to be changed by {@link Stage.put}. */
    readonly conditionOf: (sfu: Sfu) => Condition;
    readonly put: (sfu: Sfu, condition: Condition) => void;
  }

  const setUp = (members: readonly Member[], parts: Settings, seed: number): Stage => {
    const sfus = members.map(({ sfu }) => sfu);
    const desk = openDesk(clock, sfus, parts, seeded(seed));
    const { registry, loads, strategy } = desk;
    const conditions = new Map<Sfu, Condition>();
    const conditionOf = (sfu: Sfu): Condition => conditions.get(sfu)!;
    const put = (sfu: Sfu, now: Condition): void => {
      conditions.set(sfu, now);
      registry.setHealth(sfu, now.health);
      registry.setDraining(sfu, now.isDraining);
    };
    for (const { sfu, told, ...now } of members) {
      put(sfu, now);
      if (told !== null) desk.report(sfu, told);
    }
    const availabilityOf = createAvailability({ registry, loads, admits: (sfu) => conditionOf(sfu).admits });
    const rank = createRank({
      fleet: registry,
      availabilityOf,
      mayBeTried: (sfu) => conditionOf(sfu).mayBeTried,
      strategy,
    });
    return { ...desk, sfus, rank, availabilityOf, conditionOf, put };
  };

  holds(
    "by any strategy is the best of those that it is given, as many as are wanted, each once",
    300,
    fc.property(fleetOf(0, 12), settings, placement, fc.nat(), (members, parts, where, seed) => {
      const { strategy, sfus } = setUp(members, parts, seed);
      const given = Object.freeze([...sfus]);
      for (let time = 0; time < 3; time++) {
        const ranked = strategy(given, where);
        expect(new Set(ranked).size).to.equal(ranked.length);
        expect(ranked.length).to.equal(Math.min(given.length, parts.maxRetries!));
        expect(given).to.include.members([...ranked]);
      }
    }),
  );

  holds(
    "hands out everybody who is available, then who may have come back unless one is full, and nobody twice",
    500,
    fc.property(
      fleetOf(0, 8),
      settings,
      placement,
      fc.option(fc.nat(9)),
      fc.nat(),
      (members, parts, where, home, seed) => {
        const { rank, sfus, availabilityOf, conditionOf } = setUp(members, parts, seed);
        const assigned = home === null ? null : (sfus[home]?.address ?? "http://gone.test");
        const candidates = rank(where, assigned);
        const kindOf = (sfu: Sfu): string => availabilityOf(sfu).kind;
        const mayTake = (sfu: Sfu): boolean =>
          kindOf(sfu) === "available" || (kindOf(sfu) === "assigned_only" && sfu.address === assigned);
        const isFull = sfus.some((sfu) => {
          const is = availabilityOf(sfu);
          return is.kind === "assigned_only" && is.why === "overloaded";
        });
        const mayHaveReturned = (sfu: Sfu): boolean => {
          const is = availabilityOf(sfu);
          return is.kind === "out" && is.mayReturn && conditionOf(sfu).mayBeTried;
        };
        const usual = sfus.filter(mayTake);
        const lastResorts = isFull ? [] : sfus.filter(mayHaveReturned);

        const given: Sfu[] = [];
        for (;;) {
          const left = candidates.left(100);
          expect(candidates.left(1)).to.equal(Math.min(1, left));
          const next = candidates.next();
          const leftAsUsual = usual.length - given.length;
          expect(left).to.equal(leftAsUsual > 0 ? leftAsUsual : leftAsUsual + lastResorts.length);
          if (next === null) break;
          expect(next.isAssigned).to.equal(next.sfu.address === assigned);
          expect(next.isLastResort).to.equal(leftAsUsual <= 0);
          given.push(next.sfu);
        }
        expect(given.slice(0, usual.length)).to.have.members(usual);
        expect(given.slice(usual.length)).to.have.members(lastResorts);
        const first = usual.length > 0 ? usual : lastResorts;
        if (first.some(({ address }) => address === assigned)) expect(given[0]!.address).to.equal(assigned);
        expect(candidates.shortage()).to.equal(isFull ? "overloaded" : "none");
      },
    ),
  );

  holds(
    "goes by what is so when each is handed out, whatever has happened since the one before",
    500,
    fc.property(
      fleetOf(1, 6),
      settings,
      fc.nat(),
      fc.array(fc.array(fc.record({ at: fc.nat(5), condition }), { maxLength: 4 }), { minLength: 8, maxLength: 8 }),
      (members, parts, seed, changes) => {
        const { rank, sfus, availabilityOf, put } = setUp(members, parts, seed);
        const candidates = rank(NOWHERE, null);
        const given: Sfu[] = [];
        let hasResorted = false;
        for (const changed of changes) {
          for (const { at, condition: now } of changed) if (sfus[at] !== undefined) put(sfus[at], now);
          const isLeft = (sfu: Sfu): boolean => !given.includes(sfu) && availabilityOf(sfu).kind === "available";
          const next = candidates.next();
          if (next === null) {
            expect(sfus.filter(isLeft)).to.deep.equal([]);
            continue;
          }
          expect(given).not.to.include(next.sfu);
          if (next.isLastResort) {
            expect(sfus.filter(isLeft)).to.deep.equal([]);
            const isFull = sfus.some((sfu) => {
              const is = availabilityOf(sfu);
              return is.kind === "assigned_only" && is.why === "overloaded";
            });
            expect(hasResorted || !isFull, "nobody begins to resort where one will have room again").to.equal(true);
            hasResorted = true;
          } else expect(isLeft(next.sfu)).to.equal(true);
          given.push(next.sfu);
        }
      },
    ),
  );
});
