import { expect } from "chai";
import { isBracketBomb } from "../lib/bracket-bomb.ts";

const isBomb = (json: string): boolean => isBracketBomb(Buffer.from(json));

describe("a bomb of brackets", () => {
  it("is JSON of lists and objects and little else", () => {
    for (const unit of ["[],", "{},", '{"a":', "[", "[1],"]) expect(isBomb(unit.repeat(10_000)), unit).to.be.true;
  });

  it("is no list of things, however terse, or large", () => {
    for (const unit of ['{"sessionsStats":{"count":1}},', '{"address":"http://a","key":"YWJj"},', "1,", '"a",', " "]) {
      expect(isBomb(`[${unit.repeat(100_000)}]`), unit).to.be.false;
    }
  });

  it("is nothing small, whatever it is", () => {
    expect(isBomb("[".repeat(1000))).to.be.false;
    expect(isBomb("[".repeat(2000))).to.be.true;
    expect(isBomb("")).to.be.false;
  });
});
