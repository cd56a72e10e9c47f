import { expect } from "chai";
import fc from "fast-check";
import { Moments } from "../../lib/balancing/moments.ts";

type Step = readonly ["add" | "remove" | "forgetUntil" | "until", number];

const moment = fc.integer({ min: 0, max: 30 });
const step: fc.Arbitrary<Step> = fc.tuple(fc.constantFrom("add", "add", "remove", "forgetUntil", "until"), moment);

/** The same, written down as it reads. */
class Model {
  all: number[] = [];

  take([what, atMs]: Step): unknown {
    if (what === "add") this.all = [...this.all, atMs].toSorted((a, b) => a - b);
    if (what === "until") return this.all.filter((one) => one <= atMs);
    if (what === "forgetUntil") this.all = this.all.filter((one) => one > atMs);
    if (what !== "remove") return undefined;
    const later = this.all.filter((one) => one > atMs).length;
    const index = this.all.indexOf(atMs);
    if (index >= 0) this.all.splice(index, 1);
    return index < 0 ? null : later;
  }
}

describe("moments", () => {
  it("are what a sorted list of them would be, whatever is added, taken out and forgotten in whatever order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const moments = new Moments();
        const model = new Model();
        for (const one of steps) {
          const [what, atMs] = one;
          expect(moments[what](atMs), one.join(" ")).to.deep.equal(model.take(one));
          expect(moments.count).to.equal(model.all.length);
        }
        expect(moments.until(Infinity)).to.deep.equal(model.all);
      }),
      { numRuns: 500 },
    );
  });
});
