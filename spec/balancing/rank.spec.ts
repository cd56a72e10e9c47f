import { expect } from "chai";
import { createAffinity, type Affinity } from "../../lib/balancing/affinity.ts";
import { createRank, type Rank } from "../../lib/balancing/rank.ts";
import type { Strategy } from "../../lib/balancing/strategy.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { sfuOf } from "../support/fleet.ts";

const NOWHERE = { region: null, place: null };

describe("the ranking of one request", () => {
  const [a, b, c, d] = [sfuOf(1), sfuOf(2), sfuOf(3), sfuOf(4)] as const;
  let available: Sfu[];
  let affinity: Affinity;
  let rankings: (readonly Sfu[])[];
  let rank: Rank;
  beforeEach(() => {
    available = [a, b, c];
    affinity = createAffinity(60_000, systemClock);
    rankings = [];
    const backwards: Strategy = (sfus) => {
      rankings.push([...sfus]);
      return sfus.toReversed();
    };
    rank = createRank({ available: () => available, affinity, strategy: backwards });
  });

  const all = (conference = "room"): (Sfu | null)[] => {
    const candidates = rank(conference, NOWHERE);
    return Array.from({ length: 5 }, () => candidates.next());
  };
  const leave = (gone: Sfu): void => void (available = available.filter((sfu) => sfu !== gone));

  it("is the strategy's, each SFU once, and then nobody", () => {
    expect(all()).to.deep.equal([c, b, a, null, null]);
    expect(rankings).to.have.length(1);
  });

  it("begins with the SFU that the conference is assigned to", () => {
    affinity.assign("room", b.address);
    expect(all()).to.deep.equal([b, c, a, null, null]);
  });

  it("does not care for another conference's assignment", () => {
    affinity.assign("another room", a.address);
    expect(all()).to.deep.equal([c, b, a, null, null]);
  });

  it("ignores an assignment to an SFU that cannot be asked, or is unknown", () => {
    affinity.assign("room", d.address);
    expect(all()).to.deep.equal([c, b, a, null, null]);
  });

  it("does not ask the strategy before the assigned SFU has failed", () => {
    affinity.assign("room", b.address);
    for (let member = 0; member < 10; member++) expect(rank("room", NOWHERE).next()).to.equal(b);
    expect(rankings).to.deep.equal([]);
  });

  it("asks the strategy for the others only, once the assigned SFU has been handed out", () => {
    affinity.assign("room", b.address);
    all();
    expect(rankings).to.deep.equal([[a, c]]);
  });

  it("asks the strategy for nothing before somebody is wanted", () => {
    expect(rank("room", NOWHERE).left).to.equal(3);
    expect(rankings).to.deep.equal([]);
  });

  it("skips an SFU that became unavailable since the ranking", () => {
    const candidates = rank("room", NOWHERE);
    expect(candidates.next()).to.equal(c);
    leave(b);
    expect(candidates.next()).to.equal(a);
    expect(candidates.next()).to.equal(null);
  });

  it("skips the assigned SFU where it became unavailable before it was wanted", () => {
    affinity.assign("room", b.address);
    const candidates = rank("room", NOWHERE);
    leave(b);
    expect(candidates.next()).to.equal(c);
  });

  it("comes back to an SFU that is available again", () => {
    const candidates = rank("room", NOWHERE);
    candidates.next();
    leave(b);
    expect(candidates.next()).to.equal(a);
    available.push(b);
    expect(candidates.next()).to.equal(b);
  });

  it("counts who is left, as of now", () => {
    const candidates = rank("room", NOWHERE);
    expect(candidates.left).to.equal(3);
    candidates.next();
    expect(candidates.left).to.equal(2);
    leave(b);
    expect(candidates.left).to.equal(1);
    candidates.next();
    expect(candidates.left).to.equal(0);
  });

  it("is nobody where nobody is available", () => {
    available = [];
    expect(rank("room", NOWHERE).left).to.equal(0);
    expect(all()).to.deep.equal([null, null, null, null, null]);
  });

  it("hands its placement on to the strategy", () => {
    const seen: unknown[] = [];
    const place = { region: "eu", place: { latitude: 1, longitude: 2 } };
    const noting: Strategy = (sfus, placement) => {
      seen.push(placement);
      return sfus;
    };
    createRank({ available: () => available, affinity, strategy: noting })("room", place).next();
    expect(seen).to.deep.equal([place]);
  });
});
