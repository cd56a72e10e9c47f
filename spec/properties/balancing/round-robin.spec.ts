import { expect } from "chai";
import fc from "fast-check";
import { NOWHERE, openDesk } from "../../balancing/harness.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds } from "../property.ts";

const weights = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 });

describe("round-robin, whatever the weights", () => {
  const clock = useFakeClock();

  holds(
    "gives each its share, at no moment more than one conference ahead, and exactly after a whole round",
    100,
    fc.property(weights, (all) => {
      const fleet = all.map((weight, index) => sfuOf(index, { weight }));
      const { strategy } = openDesk(clock, fleet, { strategy: "round-robin" });
      const whole = all.reduce((sum, weight) => sum + weight, 0);
      const given = fleet.map(() => 0);
      for (let turn = 1; turn <= 2 * whole; turn++) {
        given[fleet.indexOf(strategy(fleet, NOWHERE)[0]!)]!++;
        const ahead = given.map((count, index) => count - (turn * all[index]!) / whole);
        // Who is chosen has the most to get, and that is never less than nothing.
        expect(Math.max(...ahead), `ahead after ${String(turn)}`).to.be.lessThan(1);
        // What the others are ahead together, one alone may be behind.
        expect(Math.min(...ahead), `behind after ${String(turn)}`).to.be.at.least(1 - fleet.length);
      }
      expect(given).to.deep.equal(all.map((weight) => 2 * weight));
    }),
  );

  holds(
    "has nobody who stays wait for more than two rounds, while others come and go",
    300,
    fc.property(
      fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 6 }),
      fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), { minLength: 30, maxLength: 200 }),
      (all, presence) => {
        const fleet = all.map((weight, index) => sfuOf(index, { weight }));
        const { strategy } = openDesk(clock, fleet, { strategy: "round-robin" });
        const whole = all.reduce((sum, weight) => sum + weight, 0);
        let waited = 0;
        for (const present of presence) {
          const available = fleet.filter((_, index) => index === 0 || present[index]!);
          waited = strategy(available, NOWHERE)[0] === fleet[0] ? 0 : waited + 1;
          expect(waited * all[0]!).to.be.at.most(2 * whole);
        }
      },
    ),
  );
});
