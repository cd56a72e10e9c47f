import { expect } from "chai";
import type { Standpoint } from "../../lib/api/ranking.ts";
import { WARM_UP_MS } from "../../lib/balancing/slow-start.ts";
import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Availability, Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { type Desk, inCountry, inRegion, namesOf, NOWHERE, openDesk, type Settings } from "./harness.ts";

const DRAINING: Availability = { kind: "assigned_only", why: "draining", reason: "is being drained" };
const DOWN: Availability = { kind: "out", why: "down", reason: "refused the connection", mayReturn: true };

describe("the explanation of a ranking", () => {
  const clock = useFakeClock();
  const paris = sfuOf(1, { region: "eu-west-3" });
  const frankfurt = sfuOf(2, { region: "eu-central-1", weight: 2 });
  const virginia = sfuOf(3, { region: "us-east-1" });
  const placeless = sfuOf(4);
  const fleet = [placeless, virginia, frankfurt, paris];

  let standings: Map<Sfu, Availability>;
  beforeEach(() => {
    standings = new Map();
  });

  const open = (settings: Settings = {}, sfus: readonly Sfu[] = fleet, seed = 1): Desk =>
    openDesk(clock, sfus, settings, seeded(seed));
  const explain = (desk: Desk, placement: Placement = NOWHERE, assigned: Sfu | null = null): readonly Standpoint[] =>
    desk.explainWith((sfu) => standings.get(sfu) ?? { kind: "available" })(placement, assigned?.address ?? null);
  const order = (standpoints: readonly Standpoint[]): string =>
    standpoints.map(({ address }) => /\d+/.exec(address)?.[0]).join("");
  const of = (standpoints: readonly Standpoint[], { address }: Sfu): Standpoint =>
    standpoints.find((standpoint) => standpoint.address === address)!;

  it("has every SFU once, the ranked ones first, numbered from 1", () => {
    const standpoints = explain(open(), inRegion("eu-west-3"));
    expect(order(standpoints)).to.equal("1234");
    expect(standpoints.map(({ rank }) => rank)).to.deep.equal([1, 2, 3, 4]);
  });

  it("is empty for an empty fleet", () => {
    expect(explain(open({}, []))).to.deep.equal([]);
  });

  it("tells of each what it is", () => {
    const standpoint = of(explain(open(), inRegion("eu-west-3")), frankfurt);
    expect(standpoint).to.include({
      address: frankfurt.address,
      region: "eu-central-1",
      weight: 2,
      assigned: false,
      out: null,
      reason: null,
      share: 1,
    });
  });

  it("has the order of the strategy where chance has no say in it", () => {
    let compared = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed);
      const desk = open({}, fleet, seed);
      for (const sfu of fleet) desk.report(sfu, { sessions: 40 * Math.floor(25 * random()), channels: 10 });
      for (const placement of [inRegion("us-east-1"), inCountry("DE"), inRegion("eu-central-1")]) {
        const scores = explain(desk, placement).map(({ score }) => score);
        const gaps = scores.flatMap((score) => scores.map((other) => Math.abs(score - other))).filter((gap) => gap > 0);
        if (Math.min(...gaps) < 2 * desk.loads.costOf(paris)) continue;
        expect(order(explain(desk, placement)), `seed ${String(seed)}`).to.equal(
          namesOf(desk.strategy(fleet, placement)),
        );
        compared++;
      }
    }
    expect(compared).to.be.above(20);
  });

  it("has scores that rise from rank to rank, whatever the SFUs are like", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seeded(seed);
      const mixed = Array.from({ length: 8 }, (_, index) =>
        sfuOf(index + 1, {
          region: ["eu-west-3", "us-east-1", null][index % 3] ?? null,
          weight: [0.5, 1, 4][Math.floor(3 * random())]!,
          maxSessions: [20, 200, 2000][Math.floor(3 * random())]!,
        }),
      );
      const desk = open({}, mixed, seed);
      for (const sfu of mixed) {
        if (random() < 0.8) desk.report(sfu, { sessions: Math.floor(random() * sfu.maxSessions), channels: 3 });
        if (random() < 0.5) desk.ledger.claim(sfu);
      }
      const scores = explain(desk, inCountry("DE")).map(({ score }) => score);
      expect(scores, `seed ${String(seed)}`).to.deep.equal(scores.toSorted((a, b) => a - b));
    }
  });

  it("has them all, however few of them a request may try", () => {
    const standpoints = explain(open({ maxRetries: 1 }), inRegion("eu-west-3"));
    expect(standpoints.map(({ rank }) => rank)).to.deep.equal([1, 2, 3, 4]);
  });

  it("begins with the SFU that has the conference", () => {
    const standpoints = explain(open(), inRegion("eu-west-3"), virginia);
    expect(order(standpoints)).to.equal("3124");
    expect(standpoints.map(({ assigned }) => assigned)).to.deep.equal([true, false, false, false]);
  });

  it("begins with it although it takes no others, and says why it takes none", () => {
    standings.set(virginia, DRAINING);
    const standpoints = explain(open(), inRegion("eu-west-3"), virginia);
    expect(order(standpoints)).to.equal("3124");
    expect(standpoints[0]).to.include({ rank: 1, assigned: true, out: "draining", reason: "it is being drained" });
  });

  it("puts those that would not be asked at the end, with the reason", () => {
    standings.set(paris, DOWN);
    standings.set(frankfurt, DRAINING);
    const standpoints = explain(open(), inRegion("eu-west-3"), paris);
    expect(standpoints.map(({ rank }) => rank)).to.deep.equal([1, 2, null, null]);
    expect(order(standpoints).slice(0, 2)).to.equal("34");
    expect(of(standpoints, paris)).to.include({
      rank: null,
      assigned: true,
      out: "down",
      reason: "it refused the connection",
    });
    expect(of(standpoints, frankfurt)).to.include({ rank: null, out: "draining", reason: "it is being drained" });
  });

  it("takes the score to pieces", () => {
    const desk = open();
    desk.report(paris, { sessions: 200, cpu: 0.5, memory: 0.5 });
    desk.report(virginia, { sessions: 100, cpu: 0.1 });
    desk.ledger.claim(virginia);
    for (const standpoint of explain(desk, inCountry("FR"))) {
      const { load, room, distance, score, weight } = standpoint;
      const sum = (load.sessions ?? 0) + (load.cpu ?? 0) + (load.memory ?? 0) + (load.assumed ?? 0) + load.expected;
      expect(load.total * weight).to.be.closeTo(sum, 1e-9);
      expect(score).to.be.closeTo(load.total + room + distance, 1e-9);
    }
    const standpoints = explain(desk, inCountry("FR"));
    expect(of(standpoints, paris).load).to.deep.equal(desk.loads.of(paris));
    expect(of(standpoints, virginia).load.expected).to.be.above(0);
    expect(of(standpoints, virginia).load.memory).to.equal(null);
    expect(of(standpoints, frankfurt).load.assumed).to.be.above(0);
  });

  describe("on distance", () => {
    it("says how far it is and what that adds, by the operator's weight", () => {
      const standpoints = explain(open({ weights: { distance: 2 } }), inCountry("FR"));
      expect(of(standpoints, paris)).to.include({ distanceKm: 0, distance: 0 });
      expect(of(standpoints, virginia).distanceKm).to.be.within(5900, 6500);
      expect(of(standpoints, virginia).distance).to.be.closeTo((2 * 6200) / 20_015, 0.04);
    });

    it("takes a place that nobody knows for farthest, and does not say how far that is", () => {
      const standpoint = of(explain(open(), inCountry("FR")), placeless);
      expect(standpoint).to.include({ distanceKm: null, distance: 1 });
    });

    it("adds nothing in the wanted region, wherever that is", () => {
      const standpoint = of(explain(open(), { region: "us-east-1", place: inCountry("FR").place }), virginia);
      expect(standpoint.distance).to.equal(0);
      expect(standpoint.distanceKm).to.be.above(5000);
    });

    it("adds nothing where no place is named", () => {
      for (const standpoint of explain(open())) expect(standpoint).to.include({ distanceKm: null, distance: 0 });
    });
  });

  describe("with an SFU that is warming up", () => {
    const warming = async (): Promise<Desk> => {
      const desk = open();
      await clock.elapse(WARM_UP_MS + 1);
      desk.registry.setHealth(paris, { state: "down", sinceMs: 0, reason: "refused the connection" });
      desk.registry.setHealth(paris, { state: "healthy", sinceMs: 0 });
      return desk;
    };

    it("says which share it takes", async () => {
      const desk = await warming();
      expect(of(explain(desk), paris).share).to.be.within(0.01, 0.25);
      await clock.elapse(WARM_UP_MS / 2);
      expect(of(explain(desk), paris).share).to.be.closeTo(0.5, 1e-9);
      expect(of(explain(desk), virginia).share).to.equal(1);
      await clock.elapse(WARM_UP_MS / 2);
      expect(of(explain(desk), paris).share).to.equal(1);
    });

    it("ranks it as if it took its turn, the same each time", async () => {
      const desk = await warming();
      for (const sfu of fleet) desk.report(sfu, { sessions: sfu === paris ? 0 : 300 });
      for (let time = 0; time < 100; time++) expect(explain(desk)[0]).to.include({ address: paris.address, rank: 1 });
    });
  });

  describe("leaves everything as it is", () => {
    it("is the same however often one asks", () => {
      const desk = open();
      const once = explain(desk, inCountry("FR"));
      for (let time = 0; time < 20; time++) expect(explain(desk, inCountry("FR"))).to.deep.equal(once);
    });

    it("places nothing", () => {
      const desk = open();
      for (let time = 0; time < 20; time++) explain(desk, inRegion("eu-west-3"));
      for (const sfu of fleet) {
        expect(desk.ledger.placedSinceReport(sfu)).to.equal(0);
        expect(desk.loads.totalOf(sfu)).to.equal(0);
      }
    });

    it("moves no turn of round-robin", () => {
      const turns = (between: (desk: Desk) => void): string => {
        const desk = open({ strategy: "round-robin" });
        return Array.from({ length: 12 }, () => {
          between(desk);
          return namesOf(desk.strategy(fleet, NOWHERE)).slice(0, 1);
        }).join("");
      };
      expect(turns((desk) => void explain(desk))).to.equal(turns(() => undefined));
    });

    it("takes no chance away from those that are served", () => {
      const rankings = (between: (desk: Desk) => void): readonly string[] => {
        const desk = open({}, [sfuOf(1), sfuOf(2), sfuOf(3)], 7);
        return Array.from({ length: 20 }, () => {
          between(desk);
          return namesOf(desk.strategy(desk.registry.all(), NOWHERE));
        });
      };
      expect(rankings((desk) => void explain(desk))).to.deep.equal(rankings(() => undefined));
    });
  });

  it("explains round-robin by the distance, whatever weight that has for the load", () => {
    const desk = open({ strategy: "round-robin", weights: { distance: 0 } });
    const standpoints = explain(desk, inCountry("FR"));
    expect(order(standpoints)).to.equal("1234");
    expect(of(standpoints, virginia).distance).to.be.closeTo(6200 / 20_015, 0.02);
  });
});
