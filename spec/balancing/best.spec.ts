import { expect } from "chai";
import { best as bestOf, type Rating } from "../../lib/balancing/best.ts";
import { seeded } from "../support/random.ts";

interface Ranked extends Readonly<Rating> {
  readonly item: string;
}

const ranked = (item: string, tier: number, score: number): Ranked => ({ item, tier, score });
const best = (all: readonly Ranked[], depth: number): string[] =>
  bestOf(all, depth, ({ tier, score }, rating) => Object.assign(rating, { tier, score })).map(({ item }) => item);

describe("the best of many", () => {
  it("are those of the lowest tier, and of these those with the lowest score", () => {
    const all = [ranked("d", 1, -5), ranked("b", 0, 2), ranked("e", 2, -9), ranked("a", 0, 1), ranked("c", 1, -6)];
    expect(best(all, 5)).to.deep.equal(["a", "b", "c", "d", "e"]);
    expect(best(all, 2)).to.deep.equal(["a", "b"]);
  });

  it("keep their order where they are equal", () => {
    const all = ["a", "b", "c", "d"].map((item) => ranked(item, 0, 1));
    for (let depth = 0; depth <= 4; depth++) {
      expect(best(all, depth)).to.deep.equal(["a", "b", "c", "d"].slice(0, depth));
    }
  });

  it("are nobody of none", () => {
    expect(best([], 3)).to.deep.equal([]);
  });

  it("are what sorting them all would give, whatever they are and however many are wanted", () => {
    const random = seeded(3);
    const whole = (below: number): number => Math.floor(random() * below);
    for (let round = 0; round < 500; round++) {
      // Few values, so that many are equal.
      const all = Array.from({ length: whole(40) }, (_, index) =>
        ranked(String(index), whole(4) - 1, whole(2) === 0 ? whole(5) : random()),
      );
      const sorted = all.toSorted((a, b) => a.tier - b.tier || a.score - b.score).map(({ item }) => item);
      for (const depth of [0, 1, 2, 3, whole(40), all.length, all.length + 1, Infinity]) {
        expect(best(all, depth)).to.deep.equal(sorted.slice(0, depth));
      }
    }
  });

  it("are found in one pass, each rated once and in its turn", () => {
    const all = Array.from({ length: 1000 }, (_, index) => index);
    const rated: number[] = [];
    const found = bestOf(all, 3, (item, rating, index) => {
      rated.push(index);
      Object.assign(rating, { tier: 0, score: -item });
    });
    expect(found).to.deep.equal([999, 998, 997]);
    expect(rated).to.deep.equal(all);
  });
});
