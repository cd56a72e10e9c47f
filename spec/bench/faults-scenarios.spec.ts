import { expect } from "chai";
import { allScenarios, closesPort, HARMS, SFUS, turnsOf } from "../../bench/performance/faults/scenarios.ts";

describe("bench: who has which fault when", () => {
  it("has each fault for one SFU and for two", () => {
    const names = allScenarios().map(({ fault, victims }) => `${fault} ${String(victims.length)}`);
    expect(new Set(names)).to.have.length(names.length);
    expect(names).to.have.members(Object.keys(HARMS).flatMap((fault) => [`${fault} 1`, `${fault} 2`]));
  });

  it("names SFUs that there are, each once", () => {
    for (const { victims } of allScenarios()) {
      expect(new Set(victims)).to.have.length(victims.length);
      for (const victim of victims) expect(victim).to.be.within(0, SFUS - 1);
    }
  });

  for (const peers of [1, 2, 3, 4]) {
    it(`gives each of ${String(peers)} peers everything, with closed ports of one of them at a time`, () => {
      const turns = turnsOf(allScenarios(), peers);
      for (let peer = 0; peer < peers; peer++) {
        expect(new Set(turns.map((turn) => turn[peer]))).to.have.length(allScenarios().length);
      }
      for (const turn of turns) expect(turn.filter(({ fault }) => closesPort(fault))).to.have.length.at.most(1);
    });
  }

  it("refuses more peers than that goes with", () => {
    expect(() => turnsOf(allScenarios(), 5)).to.throw(RangeError);
  });

  it("has nothing to do without a peer", () => {
    expect(turnsOf(allScenarios(), 0).flat()).to.deep.equal([]);
  });
});
