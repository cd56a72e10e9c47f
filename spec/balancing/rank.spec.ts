import { expect } from "chai";
import { type Candidates, createRank } from "../../lib/balancing/rank.ts";
import type { Placement, Strategy } from "../../lib/balancing/strategy.ts";
import type { Availability, Sfu } from "../../lib/sfu/sfu.ts";
import { sfuOf } from "../support/fleet.ts";
import { inRegion, namesOf, NOWHERE } from "./harness.ts";

type AssignedOnly = Extract<Availability, { kind: "assigned_only" }>;
type Out = Extract<Availability, { kind: "out" }>;

const AVAILABLE: Availability = { kind: "available" };
const DRAINING: AssignedOnly = { kind: "assigned_only", why: "draining", reason: "is being drained" };
const FULL: AssignedOnly = { kind: "assigned_only", why: "overloaded", reason: "is overloaded" };
const ON_TRIAL: AssignedOnly = { kind: "assigned_only", why: "on_trial", reason: "is proving itself" };
const DOWN: Out = { kind: "out", why: "down", reason: "is down", mayReturn: true };
const OPEN: Out = { kind: "out", why: "breaker_open", reason: "has failed", mayReturn: true };
const MISCONFIGURED: Out = { kind: "out", why: "misconfigured", reason: "refuses", mayReturn: false };
const EXPIRED: Out = { kind: "out", why: "expired", reason: "is silent", mayReturn: false };

describe("the ranking of one request", () => {
  const [a, b, c] = [sfuOf(1), sfuOf(2), sfuOf(3)];
  let fleet: Sfu[];
  let standings: Map<string, Availability>;
  let beingTried: Set<string>;
  /** Whom the strategy was given, each time that it was asked. */
  let asked: string[];
  let placements: Placement[];
  beforeEach(() => {
    fleet = [a, b, c];
    standings = new Map();
    beingTried = new Set();
    asked = [];
    placements = [];
  });

  const backwards: Strategy = (sfus, placement) => {
    asked.push(namesOf(sfus));
    placements.push(placement);
    return sfus.toReversed();
  };

  const rank = (assigned: Sfu | null = null, strategy = backwards, placement = NOWHERE): Candidates =>
    createRank({
      fleet: { all: () => fleet, get: (address) => fleet.find((sfu) => sfu.address === address) ?? null },
      availabilityOf: ({ address }) => standings.get(address) ?? AVAILABLE,
      mayBeTried: ({ address }) => !beingTried.has(address),
      strategy,
    })(placement, assigned?.address ?? null);

  const stand = (standing: Availability, ...sfus: readonly Sfu[]): void => {
    for (const { address } of sfus) standings.set(address, standing);
  };

  /** Who is asked by somebody whom nobody serves, in this order. */
  const walk = (candidates: Candidates): string => {
    let names = "";
    for (let step = 0; step < 6; step++) {
      const candidate = candidates.next();
      names += candidate === null ? "" : namesOf([candidate.sfu]);
    }
    return names;
  };
  const next = (candidates: Candidates): string => {
    const candidate = candidates.next();
    return candidate === null ? "nobody" : namesOf([candidate.sfu]);
  };

  it("is the strategy's, each SFU once, and then nobody", () => {
    expect(walk(rank())).to.equal("321");
    expect(asked).to.deep.equal(["123"]);
  });

  it("is of those alone who are available", () => {
    for (const standing of [DRAINING, FULL, ON_TRIAL, MISCONFIGURED, EXPIRED]) {
      stand(standing, b);
      expect(walk(rank())).to.equal("31");
    }
  });

  it("comes to those who may have come back when all the others have failed", () => {
    for (const standing of [DOWN, OPEN]) {
      stand(standing, b);
      const candidates = rank();
      expect([next(candidates), next(candidates)]).to.deep.equal(["3", "1"]);
      expect(candidates.next()).to.deep.equal({ sfu: b, isAssigned: false, isLastResort: true });
      expect(candidates.next()).to.equal(null);
    }
  });

  it("is nobody where there is no fleet", () => {
    fleet = [];
    const candidates = rank();
    expect(candidates.left(3)).to.equal(0);
    expect(candidates.next()).to.equal(null);
    expect(candidates.shortage()).to.equal("none");
  });

  it("hands its placement on to the strategy", () => {
    const placement = inRegion("eu-west-3");
    rank(null, backwards, placement).next();
    expect(placements).to.deep.equal([placement]);
  });

  describe("with an assignment", () => {
    it("begins with the SFU that has the conference, and says so", () => {
      const candidates = rank(b);
      expect(candidates.next()).to.deep.equal({ sfu: b, isAssigned: true, isLastResort: false });
      expect(candidates.next()).to.deep.equal({ sfu: c, isAssigned: false, isLastResort: false });
      expect(walk(candidates)).to.equal("1");
    });

    it("does not ask the strategy before the assigned SFU has failed, and then for the others alone", () => {
      for (let member = 0; member < 10; member++) rank(b).next();
      expect(asked).to.deep.equal([]);
      walk(rank(b));
      expect(asked).to.deep.equal(["13"]);
    });

    for (const standing of [DRAINING, FULL, ON_TRIAL]) {
      it(`begins with it although it is ${standing.why}`, () => {
        stand(standing, b);
        expect(walk(rank(b))).to.equal("231");
      });
    }

    for (const [standing, order] of [
      [DOWN, "312"],
      [OPEN, "312"],
      [MISCONFIGURED, "31"],
      [EXPIRED, "31"],
    ] as const) {
      it(`does not begin with it where it is ${standing.why}`, () => {
        stand(standing, b);
        expect(walk(rank(b))).to.equal(order);
      });
    }

    it("does not begin with it where it went out before anybody was wanted", () => {
      const candidates = rank(b);
      stand(DOWN, b);
      expect(walk(candidates)).to.equal("312");
    });

    it("goes on as if there were none where the SFU has left", () => {
      expect(walk(rank(sfuOf(9)))).to.equal("321");
    });

    it("does not come back to it after others were asked", () => {
      stand(DRAINING, b);
      const candidates = rank(b);
      expect(walk(candidates)).to.equal("231");
      expect(candidates.next()).to.equal(null);
    });

    it("begins with the entry that is in force now", () => {
      const candidates = rank(b);
      const successor = sfuOf(2, { weight: 5 });
      fleet = [a, successor, c];
      expect(candidates.next()?.sfu).to.equal(successor);
    });
  });

  describe("while the fleet changes", () => {
    it("comes last to who went out since the ranking", () => {
      const candidates = rank();
      expect(next(candidates)).to.equal("3");
      stand(OPEN, b);
      expect(walk(candidates)).to.equal("12");
    });

    it("skips who has left since the ranking", () => {
      const candidates = rank();
      expect(next(candidates)).to.equal("3");
      fleet = [a, c];
      expect(walk(candidates)).to.equal("1");
    });

    it("comes back to who is available again", () => {
      const candidates = rank();
      candidates.next();
      stand(OPEN, b);
      expect(next(candidates)).to.equal("1");
      stand(AVAILABLE, b);
      expect(walk(candidates)).to.equal("2");
    });

    it("asks the strategy again for those who have come since", () => {
      const candidates = rank();
      expect(walk(candidates)).to.equal("321");
      fleet = [...fleet, sfuOf(4), sfuOf(5)];
      expect(walk(candidates)).to.equal("54");
      expect(asked).to.deep.equal(["123", "45"]);
    });

    it("asks the entry that has taken the place of the one that was ranked", () => {
      const candidates = rank();
      candidates.next();
      const successor = sfuOf(2, { weight: 5 });
      fleet = [a, successor, c];
      expect(next(candidates)).to.equal("1");
      expect(candidates.next()?.sfu).to.equal(successor);
      expect(candidates.next()).to.equal(null);
    });

    it("does not ask an SFU twice because its entry was replaced in between", () => {
      const candidates = rank();
      candidates.next();
      fleet = [a, b, sfuOf(3, { weight: 5 })];
      expect(candidates.left(9)).to.equal(2);
      expect(walk(candidates)).to.equal("21");
    });
  });

  describe("by a strategy that hands out the best alone", () => {
    const bestTwo: Strategy = (sfus, placement) => backwards(sfus, placement).slice(0, 2);

    it("asks it again for more", () => {
      fleet = [a, b, c, sfuOf(4), sfuOf(5)];
      expect(walk(rank(null, bestTwo))).to.equal("54321");
      expect(asked).to.deep.equal(["12345", "123", "1"]);
    });
  });

  describe("counts who is left", () => {
    it("as of now, without asking the strategy", () => {
      const candidates = rank();
      expect(candidates.left(9)).to.equal(3);
      expect(asked).to.deep.equal([]);
      candidates.next();
      expect(candidates.left(9)).to.equal(2);
      stand(EXPIRED, b);
      expect(candidates.left(9)).to.equal(1);
      candidates.next();
      expect(candidates.left(9)).to.equal(0);
    });

    it("up to what it is asked for", () => {
      const candidates = rank(b);
      for (const most of [0, 1, 2, 3]) expect(candidates.left(most)).to.equal(most);
    });

    it("with the assigned one, once, be it drained or not", () => {
      expect(rank(b).left(9)).to.equal(3);
      stand(DRAINING, b);
      expect(rank(b).left(9)).to.equal(3);
      expect(rank(a).left(9)).to.equal(2);
      stand(DOWN, b);
      expect(rank(b).left(9)).to.equal(2);
    });

    it("with the last resorts where there is nobody else, so that each of them gets its share of the time", () => {
      stand(DOWN, a, b);
      stand(EXPIRED, c);
      const candidates = rank();
      expect(candidates.left(9)).to.equal(2);
      expect(candidates.left(1)).to.equal(1);
      candidates.next();
      expect(candidates.left(9)).to.equal(1);
      candidates.next();
      expect(candidates.left(9)).to.equal(0);
    });

    it("without them where there is somebody else", () => {
      stand(DOWN, a, b);
      expect(rank().left(9)).to.equal(1);
      stand(FULL, c);
      expect(rank().left(9)).to.equal(0);
      expect(rank(c).left(9)).to.equal(1);
    });
  });

  describe("where everybody is out", () => {
    it("is of those who may have come back, as the strategy ranks them, and says so", () => {
      stand(DOWN, a);
      stand(OPEN, b);
      stand(DOWN, c);
      const candidates = rank();
      expect(candidates.next()).to.deep.equal({ sfu: c, isAssigned: false, isLastResort: true });
      expect(walk(candidates)).to.equal("21");
      expect(asked).to.deep.equal(["123"]);
    });

    it("says of the assigned one that it is", () => {
      stand(DOWN, a, b, c);
      expect(rank(c).next()).to.deep.equal({ sfu: c, isAssigned: true, isLastResort: true });
    });

    it("never is of one that refuses its key, or that has not been heard of", () => {
      stand(MISCONFIGURED, a);
      stand(EXPIRED, b);
      stand(DOWN, c);
      expect(walk(rank())).to.equal("3");
      stand(EXPIRED, c);
      expect(walk(rank())).to.equal("");
      expect(rank().shortage()).to.equal("none");
    });

    it("leaves out whom somebody is trying already", () => {
      stand(DOWN, a, b, c);
      beingTried = new Set([c.address, a.address]);
      expect(walk(rank())).to.equal("2");
      beingTried.add(b.address);
      expect(walk(rank())).to.equal("");
    });

    it("skips whom somebody tries since the ranking", () => {
      stand(DOWN, a, b, c);
      const candidates = rank();
      candidates.next();
      beingTried.add(b.address);
      expect(walk(candidates)).to.equal("1");
    });

    it("is nobody where one is merely full, for that one will have room again", () => {
      stand(DOWN, a, b);
      stand(FULL, c);
      const candidates = rank();
      expect(walk(candidates)).to.equal("");
      expect(candidates.shortage()).to.equal("overloaded");
    });

    for (const standing of [DRAINING, ON_TRIAL]) {
      it(`is of those who may have come back beside one that is ${standing.why}`, () => {
        stand(DOWN, a, b);
        stand(standing, c);
        const candidates = rank();
        expect(candidates.shortage()).to.equal("none");
        expect(walk(candidates)).to.equal("21");
      });
    }

    it("begins with the one that the conference is assigned to, whose members may still be there", () => {
      stand(DOWN, a, b, c);
      expect(walk(rank(a))).to.equal("132");
    });

    it("is of the same where the last one that was in has just failed", () => {
      stand(DOWN, a, b);
      const candidates = rank();
      expect(next(candidates)).to.equal("3");
      expect(candidates.left(9), "they get their share of the time").to.equal(2);
      stand(OPEN, c);
      expect(walk(candidates), "nobody twice").to.equal("21");
    });

    it("is of the same where the assigned one was in, and has failed", () => {
      stand(DOWN, a, c);
      stand(DRAINING, b);
      expect(walk(rank(b))).to.equal("231");
    });

    it("is nobody where the last one that was in has failed, and one is merely full", () => {
      stand(DOWN, a);
      stand(FULL, b);
      const candidates = rank();
      expect(next(candidates)).to.equal("3");
      expect(candidates.left(9)).to.equal(0);
      expect(walk(candidates)).to.equal("");
    });

    it("asks as usual whoever turns out to be back meanwhile, before further last resorts", () => {
      stand(DOWN, a, b, c);
      const candidates = rank();
      expect(next(candidates)).to.equal("3");
      stand(AVAILABLE, a);
      expect(candidates.next()).to.deep.equal({ sfu: a, isAssigned: false, isLastResort: false });
      expect(candidates.next()).to.deep.equal({ sfu: b, isAssigned: false, isLastResort: true });
      expect(candidates.next()).to.equal(null);
    });
  });

  describe("tells whom others are trying", () => {
    const names = (candidates: Candidates): string => namesOf(candidates.beingTried());

    it("of those who may have come back, or are on trial", () => {
      stand(DOWN, a, b);
      stand(ON_TRIAL, c);
      beingTried = new Set([b.address, c.address]);
      expect(names(rank())).to.equal("23");
    });

    it("not of those who were handed out, who are never asked, or where one has room soon", () => {
      stand(DOWN, a);
      stand(MISCONFIGURED, b);
      stand(EXPIRED, c);
      const candidates = rank();
      expect(next(candidates)).to.equal("1");
      beingTried = new Set([a.address, b.address, c.address]);
      expect(names(candidates)).to.equal("");
      stand(FULL, c);
      expect(names(rank())).to.equal("");
    });
  });

  describe("names the shortage", () => {
    it("as overload where one is full, however many are out or drained", () => {
      stand(FULL, a);
      stand(DOWN, b);
      stand(DRAINING, c);
      const candidates = rank();
      expect(candidates.next()).to.equal(null);
      expect(candidates.shortage()).to.equal("overloaded");
    });

    it("as none to be asked where nobody is full", () => {
      stand(DRAINING, a, b);
      stand(MISCONFIGURED, c);
      const candidates = rank();
      expect(candidates.next()).to.equal(null);
      expect(candidates.shortage()).to.equal("none");
    });
  });
});
