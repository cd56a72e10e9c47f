import { expect } from "chai";
import { WARM_UP_MS } from "../../lib/balancing/slow-start.ts";
import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Report } from "../../lib/sfu/report.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { ORDINARY_SIZE } from "../../lib/sfu/stats.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { count, type Desk, inCountry, inRegion, nameOf, namesOf, NOWHERE, openDesk, type Settings } from "./harness.ts";

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

describe("the strategy by load", () => {
  const clock = useFakeClock();

  const open = (fleet: readonly Sfu[], settings: Settings = {}, seed = 1): Desk =>
    openDesk(clock, fleet, settings, seeded(seed));

  /** An SFU with so many sessions in conferences of ten. */
  const report = (desk: Desk, sfu: Sfu, sessions: number, parts: Partial<Report> = {}): void =>
    desk.report(sfu, { sessions, channels: sessions / 10, ...parts });

  const rank = (desk: Desk, placement = NOWHERE): string => namesOf(desk.strategy(desk.registry.all(), placement));
  const first = (desk: Desk, placement = NOWHERE): string => rank(desk, placement)[0] ?? "-";

  /** Who is first for so many conferences, each of which is placed there. */
  const place = (desk: Desk, conferences: number, placement = NOWHERE): Record<string, number> =>
    count(
      Array.from({ length: conferences }, () => {
        const [chosen] = desk.strategy(desk.registry.all(), placement);
        if (chosen !== undefined) desk.ledger.claim(chosen);
        return nameOf(chosen);
      }),
    );

  /** An SFU joins, or is back from an outage, when the gateway has been up for a while. */
  const warmUp = (desk: Desk, sfu: Sfu): void => {
    desk.registry.setHealth(sfu, { state: "down", sinceMs: 0, reason: "refused the connection" });
    desk.registry.setHealth(sfu, { state: "healthy", sinceMs: 0 });
  };

  describe("among SFUs of one place", () => {
    const fleet = [sfuOf(1), sfuOf(2), sfuOf(3), sfuOf(4)];
    const [a, b, c, d] = fleet as [Sfu, Sfu, Sfu, Sfu];

    it("ranks the least loaded first", () => {
      for (const seed of SEEDS) {
        const desk = open(fleet, {}, seed);
        report(desk, a, 700);
        report(desk, b, 100);
        report(desk, c, 900);
        report(desk, d, 400);
        expect(rank(desk)).to.equal("2413");
      }
    });

    it("looks at cpu and memory as well as at sessions", () => {
      const desk = open([a, b, c]);
      report(desk, a, 100, { cpu: 0.9, memory: 0.9 });
      report(desk, b, 300, { cpu: 0.2, memory: 0.1 });
      report(desk, c, 100, { cpu: 0.8, memory: 0.9 });
      expect(rank(desk)).to.equal("231");
    });

    it("looks at what each can take", () => {
      const large = sfuOf(9, { maxSessions: 10_000 });
      const desk = open([a, large]);
      report(desk, a, 300);
      report(desk, large, 1000);
      expect(rank(desk)).to.equal("91");
    });

    it("looks at what is left of it for a conference that turns out large", () => {
      const small = sfuOf(9, { maxSessions: 2 * ORDINARY_SIZE });
      for (const seed of SEEDS) {
        const desk = open([a, small], {}, seed);
        report(desk, a, 200);
        report(desk, small, 0);
        expect(rank(desk)).to.equal("19");
        report(desk, a, 900);
        expect(rank(desk)).to.equal("91");
      }
    });

    it("does not take one without a report for larger or smaller than the others, whatever it can take", () => {
      for (const maxSessions of [100, 100_000]) {
        const unseen = sfuOf(9, { maxSessions });
        for (const seed of SEEDS) {
          const desk = open([a, b, unseen], {}, seed);
          report(desk, a, 200);
          report(desk, b, 800);
          expect(rank(desk)[0], String(maxSessions)).to.equal("1");
          expect(rank(desk).at(-1), String(maxSessions)).to.equal("2");
        }
      }
    });

    it("puts one without a report between the others", () => {
      const desk = open([a, b, c]);
      report(desk, a, 800);
      report(desk, b, 200);
      expect(rank(desk)).to.equal("231");
    });

    it("counts what was placed since the report", () => {
      const desk = open([a, b]);
      report(desk, a, 300);
      report(desk, b, 400);
      expect(first(desk)).to.equal("1");
      while (desk.ledger.expectedSessions(a) < 200) desk.ledger.claim(a);
      expect(first(desk)).to.equal("2");
    });

    it("breaks ties at random, and evenly", () => {
      const desk = open([a, b, c]);
      for (const sfu of [a, b, c]) report(desk, sfu, 300);
      const firsts = count(Array.from({ length: 6000 }, () => first(desk)));
      for (const name of ["1", "2", "3"]) expect(firsts[name]).to.be.closeTo(2000, 150);
    });

    it("takes for a tie what differs by less than a conference, about", () => {
      const desk = open([a, b]);
      const size = desk.ledger.averageSize();
      desk.report(a, { sessions: 300 });
      desk.report(b, { sessions: 300 + Math.floor(size / 4) });
      const firsts = count(Array.from({ length: 2000 }, () => first(desk)));
      expect(firsts["2"]).to.be.above(400);
      expect(firsts["1"]).to.be.above(firsts["2"] ?? 0);
    });

    it("takes nothing for a tie that differs by more", () => {
      for (const seed of SEEDS) {
        const desk = open([a, b], {}, seed);
        desk.report(a, { sessions: 300 });
        desk.report(b, { sessions: 300 + Math.ceil(2 * desk.ledger.averageSize()) });
        for (let time = 0; time < 50; time++) expect(first(desk)).to.equal("1");
      }
    });

    it("leaves ties to chance as well where the operator has set every weight to 0", () => {
      const desk = open([a, b], { weights: { sessions: 0, cpu: 0, memory: 0 } });
      report(desk, a, 900);
      report(desk, b, 100);
      const firsts = count(Array.from({ length: 2000 }, () => first(desk)));
      expect(firsts["1"]).to.be.closeTo(1000, 100);
    });

    for (const [what, seen] of [
      ["with reports", true],
      ["without any", false],
    ] as const) {
      it(`places by weight in the long run, ${what}`, () => {
        const desk = open([a, sfuOf(2, { weight: 3 })]);
        if (seen) for (const sfu of desk.registry.all()) desk.report(sfu);
        const placed = place(desk, 400);
        expect(placed["1"]).to.be.closeTo(100, 4);
        expect(placed["2"]).to.be.closeTo(300, 4);
      });
    }

    it("places by weight in the long run as sessions come and go", async () => {
      const [one, three] = [a, sfuOf(2, { weight: 3 })];
      const desk = open([one, three]);
      const random = seeded(5);
      // Conferences of four that last for ten minutes, read every ten seconds.
      let running: { on: Sfu; endsMs: number }[] = [];
      const total: Record<string, number> = {};
      for (let round = 0; round < 300; round++) {
        const nowMs = clock.monotonic();
        running = running.filter(({ endsMs }) => endsMs > nowMs);
        for (const sfu of [one, three]) {
          const channels = running.filter(({ on }) => on.address === sfu.address).length;
          desk.report(sfu, { channels, sessions: 4 * channels });
        }
        await clock.elapse(1);
        for (let joins = 0; joins < 4; joins++) {
          const [on] = desk.strategy(desk.registry.all(), NOWHERE);
          if (on === undefined) continue;
          desk.ledger.claim(on);
          running.push({ on, endsMs: nowMs + 600_000 * (0.5 + random()) });
          total[nameOf(on)] = (total[nameOf(on)] ?? 0) + 1;
        }
        await clock.elapse(9999);
      }
      expect(total["2"]! / total["1"]!).to.be.within(2.7, 3.3);
    });

    it("gives 20 new conferences to the SFU that is clearly the least loaded", () => {
      for (const seed of SEEDS) {
        const desk = open([a, b, c], {}, seed);
        report(desk, a, 100);
        report(desk, b, 300);
        report(desk, c, 600);
        expect(place(desk, 20)["1"], `seed ${String(seed)}`).to.be.at.least(18);
      }
    });

    it("spreads 300 conferences at once over three SFUs that look alike, though no report tells of them", () => {
      for (const seed of SEEDS) {
        const desk = open([a, b, c], {}, seed);
        for (const sfu of [a, b, c]) report(desk, sfu, 200);
        const placed = place(desk, 300);
        for (const name of ["1", "2", "3"]) expect(placed[name], `seed ${String(seed)}`).to.be.within(70, 130);
      }
    });

    it("fills up the least loaded until it is like the others, and then all of them", () => {
      const desk = open([a, b, c]);
      report(desk, a, 100);
      report(desk, b, 400);
      report(desk, c, 400);
      const size = desk.ledger.averageSize();
      const gap = 300 / size;
      const placed = place(desk, Math.round(gap + 90));
      expect(placed["1"]).to.be.closeTo(gap + 30, 6);
      expect(placed["2"]).to.be.closeTo(30, 6);
      expect(placed["3"]).to.be.closeTo(30, 6);
    });
  });

  describe("with a place to be near to", () => {
    const paris = sfuOf(1, { region: "eu-west-3" });
    const frankfurt = sfuOf(2, { region: "eu-central-1" });
    const virginia = sfuOf(3, { region: "us-east-1" });
    const tokyo = sfuOf(4, { region: "ap-northeast-1" });
    const unmapped = sfuOf(5, { region: "the-basement" });
    const placeless = sfuOf(6);
    const fleet = [placeless, unmapped, tokyo, virginia, frankfurt, paris];

    const idle = (settings: Settings = {}, seed = 1): Desk => {
      const desk = open(fleet, settings, seed);
      for (const sfu of fleet) desk.report(sfu);
      return desk;
    };

    it("ranks the region first, then by distance, who is on no map last", () => {
      for (const seed of SEEDS) {
        const ranking = rank(idle({}, seed), inRegion("eu-west-3"));
        expect(ranking.slice(0, 4)).to.equal("1234");
        expect(Array.from(ranking.slice(4))).to.have.members(["5", "6"]);
      }
    });

    it("ranks the region first even if it is fuller", () => {
      const desk = idle();
      report(desk, paris, 990);
      expect(rank(desk, inRegion("eu-west-3"))).to.match(/^12/);
    });

    it("ranks those of the region by their load", () => {
      const twin = sfuOf(7, { region: "eu-west-3" });
      const desk = open([paris, twin, frankfurt]);
      report(desk, paris, 600);
      report(desk, twin, 400);
      report(desk, frankfurt, 0);
      expect(rank(desk, inRegion("eu-west-3"))).to.equal("712");
    });

    it("ranks the region first where it is on no map", () => {
      const desk = idle();
      report(desk, unmapped, 900);
      expect(first(desk, inRegion("the-basement"))).to.equal("5");
    });

    it("ranks by the country where there is no region", () => {
      expect(first(idle(), inCountry("JP"))).to.equal("4");
      expect(first(idle(), inCountry("US"))).to.equal("3");
      expect(first(idle(), inCountry("DE"))).to.equal("2");
    });

    it("ranks by where the region is, where it has no SFU", () => {
      expect(rank(idle(), inRegion("ap-northeast-3")).slice(0, 2)).to.equal("42");
    });

    it("weighs the distance against the load", () => {
      const [near, far] = [paris, tokyo];
      const half = open([near, far]);
      report(half, near, 300);
      report(half, far, 0);
      expect(first(half, inCountry("FR"))).to.equal("1");
      report(half, near, 900);
      expect(first(half, inCountry("FR"))).to.equal("4");
    });

    it("weighs it by the operator's weight", () => {
      const heavy = idle({ weights: { distance: 100 } });
      report(heavy, paris, 990);
      expect(first(heavy, inCountry("FR"))).to.equal("1");
      const light = idle({ weights: { distance: 0.01 } });
      report(light, paris, 100);
      expect(first(light, inCountry("FR"))).not.to.equal("1");
    });

    it("does not look at it at all where that is 0", () => {
      const desk = idle({ weights: { distance: 0 } });
      const firsts = count(Array.from({ length: 600 }, () => first(desk, inCountry("FR"))));
      expect(Object.keys(firsts)).to.have.members(["1", "2", "3", "4", "5", "6"]);
      // The region is another matter.
      expect(first(desk, inRegion("ap-northeast-1"))).to.equal("4");
    });

    it("takes a place that nobody knows for farthest", () => {
      const sydney = sfuOf(7, { region: "ap-southeast-2" });
      for (const seed of SEEDS) {
        const desk = open([sydney, placeless, unmapped], {}, seed);
        for (const sfu of desk.registry.all()) desk.report(sfu);
        expect(first(desk, inCountry("ES"))).to.equal("7");
      }
    });

    for (const [what, placement] of [
      ["nothing is named", NOWHERE],
      ["nobody knows the region", { region: "atlantis", place: null }],
    ] as readonly (readonly [string, Placement])[]) {
      it(`looks at the load alone where ${what}`, () => {
        const desk = idle();
        for (const [index, sfu] of fleet.entries()) report(desk, sfu, 100 * index);
        expect(rank(desk, placement)).to.equal("654321");
      });
    }
  });

  describe("with SFUs that are warming up", () => {
    const paris = sfuOf(1, { region: "eu-west-3" });
    const twin = sfuOf(2, { region: "eu-west-3" });
    const frankfurt = sfuOf(3, { region: "eu-central-1" });
    const madrid = sfuOf(4, { region: "eu-south-2" });
    const fleet = [paris, twin, frankfurt, madrid];

    /** All of them idle, but for Paris and Frankfurt that have just come back. */
    const recovering = async (settings: Settings = {}): Promise<Desk> => {
      const desk = open(fleet, settings);
      await clock.elapse(WARM_UP_MS + 1);
      for (const sfu of fleet) desk.report(sfu);
      report(desk, twin, 500);
      report(desk, madrid, 500);
      warmUp(desk, paris);
      warmUp(desk, frankfurt);
      return desk;
    };

    it("puts those that stand back after the others of the region, and before all others", async () => {
      const desk = await recovering();
      const rankings = count(Array.from({ length: 500 }, () => rank(desk, inRegion("eu-west-3"))));
      expect(Object.keys(rankings)).to.have.members(["2143", "2134", "1243", "1234"]);
      expect(rankings["2143"]).to.be.above(300);
    });

    it("gives who warms up few of the conferences that it would be given, and all in the end", async () => {
      const desk = await recovering();
      const share = async (afterMs: number): Promise<number> => {
        await clock.elapse(afterMs);
        const firsts = Array.from({ length: 1000 }, () => first(desk, inRegion("eu-west-3")));
        return (count(firsts)["1"] ?? 0) / 1000;
      };
      expect(await share(0)).to.be.within(0.05, 0.3);
      expect(await share(WARM_UP_MS / 2)).to.be.closeTo(0.5, 0.06);
      expect(await share(WARM_UP_MS / 2)).to.equal(1);
    });

    it("asks who warms up all the same where there is nobody else", async () => {
      const desk = await recovering();
      for (let time = 0; time < 50; time++) {
        expect(namesOf(desk.strategy([paris], NOWHERE))).to.equal("1");
        expect(namesOf(desk.strategy([paris, frankfurt], inRegion("eu-west-3")))).to.equal("13");
      }
    });
  });

  it("hands out no more than are asked for at most, the best", () => {
    const fleet = Array.from({ length: 9 }, (_, index) => sfuOf(index + 1));
    for (const maxRetries of [1, 2, 3, 20]) {
      const desk = open(fleet, { maxRetries });
      for (const [index, sfu] of fleet.entries()) report(desk, sfu, 900 - 100 * index);
      expect(rank(desk)).to.equal("987654321".slice(0, maxRetries));
    }
  });

  it("ranks all who are available, each once, whoever they are", () => {
    const random = seeded(2);
    const fleet = Array.from({ length: 8 }, (_, index) =>
      sfuOf(index + 1, { region: ["eu-west-3", "us-east-1", "the-basement", null][index % 4] ?? null }),
    );
    const desk = open(fleet);
    for (let round = 0; round < 200; round++) {
      const available = fleet.filter(() => random() < 0.6);
      expect(desk.strategy(available, inRegion("us-east-1"))).to.have.members(available);
    }
  });

  it("ranks nobody where nobody is available", () => {
    expect(open([]).strategy([], NOWHERE)).to.deep.equal([]);
    expect(open([]).strategy([], inRegion("eu-west-3"))).to.deep.equal([]);
  });

  it("leaves the list that it is given as it is", () => {
    const fleet = Object.freeze([sfuOf(1), sfuOf(2), sfuOf(3)]);
    const desk = open(fleet);
    report(desk, fleet[0]!, 900);
    expect(namesOf(desk.strategy(fleet, NOWHERE)).at(-1)).to.equal("1");
    expect(namesOf(fleet)).to.equal("123");
  });
});
