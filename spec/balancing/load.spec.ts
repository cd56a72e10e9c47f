import { expect } from "chai";
import type { Load } from "../../lib/balancing/load.ts";
import type { Report } from "../../lib/sfu/report.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { MOST_READINGS_A_SECOND, ORDINARY_SIZE } from "../../lib/sfu/stats.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { configOf, type Desk, openDesk, type Settings } from "./harness.ts";

const TINY = 1e-9;

/** What a load is made of, added up. */
const sumOf = ({ sessions, cpu, memory, assumed, expected }: Load): number =>
  (sessions ?? 0) + (cpu ?? 0) + (memory ?? 0) + (assumed ?? 0) + expected;

describe("the load of an SFU", () => {
  const clock = useFakeClock();
  const [a, b, c] = [sfuOf(1), sfuOf(2), sfuOf(3)];
  const { weights } = configOf().balancing;
  const whole = weights.sessions + weights.cpu + weights.memory;

  const loadOf = (parts: Partial<Report>, settings: Settings = {}): Load => {
    const desk = openDesk(clock, [a], settings);
    desk.report(a, parts);
    return desk.loads.of(a);
  };

  describe("by its report", () => {
    it("is what each factor adds by its weight", () => {
      const load = loadOf({ sessions: 200, cpu: 0.4, memory: 0.6 });
      expect(load.sessions).to.be.closeTo(weights.sessions * 0.2, TINY);
      expect(load.cpu).to.be.closeTo(weights.cpu * 0.4, TINY);
      expect(load.memory).to.be.closeTo(weights.memory * 0.6, TINY);
      expect(load).to.include({ assumed: null, expected: 0 });
      expect(load.total).to.be.closeTo(sumOf(load), TINY);
    });

    it("is 0 for one that is idle, and all the weights together for one that is full", () => {
      expect(loadOf({ sessions: 0, cpu: 0, memory: 0 }).total).to.equal(0);
      expect(loadOf({ sessions: 1000, cpu: 1, memory: 1 }).total).to.be.closeTo(whole, TINY);
    });

    it("counts sessions as a share of what fills this SFU", () => {
      const [small, large] = [sfuOf(1, { maxSessions: 100 }), sfuOf(2, { maxSessions: 10_000 })];
      const desk = openDesk(clock, [small, large]);
      for (const sfu of [small, large]) desk.report(sfu, { sessions: 50 });
      expect(desk.loads.of(small).sessions).to.be.closeTo(whole * 0.5, TINY);
      expect(desk.loads.of(large).sessions).to.be.closeTo(whole * 0.005, TINY);
    });

    it("counts each factor by the operator's weights", () => {
      const load = loadOf(
        { sessions: 200, cpu: 0.4, memory: 0.6 },
        { weights: { sessions: 1, cpu: 10, memory: 100, distance: 1000 } },
      );
      expect([load.sessions, load.cpu, load.memory]).to.deep.equal([0.2, 4, 60]);
      expect(load.total).to.be.closeTo(64.2, TINY);
    });

    it("leaves out what is not told, and counts the rest for more", () => {
      const load = loadOf({ sessions: 200, cpu: 0.4 });
      const scale = whole / (weights.sessions + weights.cpu);
      expect(load.memory).to.equal(null);
      expect(load.sessions).to.be.closeTo(weights.sessions * 0.2 * scale, TINY);
      expect(load.cpu).to.be.closeTo(weights.cpu * 0.4 * scale, TINY);
      expect(loadOf({ sessions: 200 }).total).to.be.closeTo(whole * 0.2, TINY);
    });

    it("is the same for one that tells all, and for one that tells less, where every factor is the same", () => {
      const tellings: readonly Partial<Report>[] = [
        { cpu: 0.3, memory: 0.3 },
        { cpu: 0.3 },
        { memory: 0.3 },
        {},
        { channels: 7, ordinarySessions: 250 },
      ];
      for (const telling of tellings) {
        expect(loadOf({ sessions: 300, ...telling }).total, JSON.stringify(telling)).to.be.closeTo(whole * 0.3, TINY);
      }
    });

    it("does not take what is not told for 0, nor 0 for what is not told", () => {
      expect(loadOf({ sessions: 500, cpu: 0 }).total).to.be.below(loadOf({ sessions: 500 }).total);
      expect(loadOf({ sessions: 500, cpu: 0 }).cpu).to.equal(0);
    });

    it("is the less, the larger its share of the conferences is to be", () => {
      const [one, three] = [sfuOf(1), sfuOf(2, { weight: 3 })];
      const desk = openDesk(clock, [one, three]);
      for (const sfu of [one, three]) {
        desk.report(sfu, { sessions: 300, channels: 60 });
        desk.ledger.claim(sfu);
      }
      expect(desk.loads.totalOf(three)).to.be.closeTo(desk.loads.totalOf(one) / 3, TINY);
      expect(desk.loads.costOf(three)).to.be.closeTo(desk.loads.costOf(one) / 3, TINY);
    });

    it("counts by the latest one", () => {
      const desk = openDesk(clock, [a]);
      desk.report(a, { sessions: 900 });
      desk.report(a, { sessions: 100 });
      expect(desk.loads.of(a).total).to.be.closeTo(whole * 0.1, TINY);
      expect(desk.loads.report(a)).to.include({ sessions: 100 });
    });
  });

  describe("without a report", () => {
    it("is the average of those who have one: neither flooded nor starved", () => {
      const desk = openDesk(clock, [a, b, c]);
      desk.report(a, { sessions: 200 });
      desk.report(b, { sessions: 600 });
      const load = desk.loads.of(c);
      expect(load).to.include({ sessions: null, cpu: null, memory: null });
      expect(load.assumed).to.be.closeTo(whole * 0.4, TINY);
      expect(load.total).to.be.closeTo(whole * 0.4, TINY);
      expect(desk.loads.totalOf(c)).to.be.within(desk.loads.totalOf(a), desk.loads.totalOf(b));
      expect(desk.loads.report(c)).to.equal(null);
    });

    it("counts a large SFU for more in the average than a small one", () => {
      const [small, large] = [sfuOf(1, { maxSessions: 100 }), sfuOf(2, { maxSessions: 900 })];
      const desk = openDesk(clock, [small, large, c]);
      desk.report(small, { sessions: 100 });
      desk.report(large, { sessions: 0 });
      expect(desk.loads.of(c).assumed).to.be.closeTo(whole * 0.1, TINY);
    });

    it("is 0 where nobody has one", () => {
      const desk = openDesk(clock, [a, b]);
      expect(desk.loads.of(a)).to.deep.equal({
        sessions: null,
        cpu: null,
        memory: null,
        assumed: 0,
        expected: 0,
        total: 0,
      });
    });

    it("counts what was placed there, too", () => {
      const desk = openDesk(clock, [a]);
      desk.ledger.claim(a);
      expect(desk.loads.totalOf(a)).to.be.closeTo(desk.loads.costOf(a), TINY);
    });

    it("follows the average as it changes", () => {
      const desk = openDesk(clock, [a, b, c]);
      const assumed = (): number => desk.loads.of(c).assumed ?? NaN;
      desk.report(a, { sessions: 200 });
      expect(assumed()).to.be.closeTo(whole * 0.2, TINY);
      desk.report(a, { sessions: 400 });
      expect(assumed()).to.be.closeTo(whole * 0.4, TINY);
      desk.report(b, { sessions: 800 });
      expect(assumed()).to.be.closeTo(whole * 0.6, TINY);
      desk.registry.remove(a.address, "static");
      expect(assumed()).to.be.closeTo(whole * 0.8, TINY);
      desk.registry.put(sfuOf(2, { maxSessions: 8000 }));
      expect(assumed()).to.be.closeTo(whole * 0.1, TINY);
    });

    it("ends with the first one", () => {
      const desk = openDesk(clock, [a, b]);
      desk.report(a, { sessions: 900 });
      expect(desk.loads.of(b).assumed).to.be.closeTo(whole * 0.9, TINY);
      desk.report(b, { sessions: 100 });
      expect(desk.loads.of(b)).to.include({ assumed: null });
      expect(desk.loads.of(b).total).to.be.closeTo(whole * 0.1, TINY);
    });

    it("is assumed as well where a report tells nothing that counts", () => {
      const desk = openDesk(clock, [a, b], { weights: { sessions: 0, cpu: 1, memory: 0 } });
      desk.report(a, { sessions: 10, cpu: 0.8, memory: 0.1 });
      desk.report(b, { sessions: 10 });
      expect(desk.loads.of(b)).to.include({ sessions: null, cpu: null, memory: null, assumed: 0.8, total: 0.8 });
    });
  });

  describe("with a report that has become old", () => {
    const settings: Settings = { health: { statsIntervalMs: 100 }, registration: { ttlMs: 30_000 } };

    it("is believed for as long as an SFU that has registered is", async () => {
      const desk = openDesk(clock, [a, b], settings);
      desk.report(b, { sessions: 900 });
      await clock.elapse(1);
      desk.report(a, { sessions: 100 });
      await clock.elapse(30_000);
      expect(desk.loads.report(a)).to.include({ sessions: 100 });
      expect(desk.loads.report(b)).to.equal(null);
      await clock.elapse(1);
      expect(desk.loads.report(a)).to.equal(null);
    });

    it("is believed until its statistics could not be read several times over", async () => {
      const desk = openDesk(clock, [a], { health: { statsIntervalMs: 60_000 }, registration: { ttlMs: 1000 } });
      desk.report(a, { sessions: 100 });
      await clock.elapse(2 * 60_000);
      expect(desk.loads.report(a)).not.to.equal(null);
      await clock.elapse(8 * 60_000);
      expect(desk.loads.report(a)).to.equal(null);
    });

    it("is believed for longer in a fleet that is so large that nobody is read more often", async () => {
      const count = 3 * 30 * MOST_READINGS_A_SECOND;
      const sfus = Array.from({ length: count }, (_, index) => sfuOf(index + 1));
      const desk = openDesk(clock, sfus, settings);
      desk.report(sfus[0]!, { sessions: 100 });
      await clock.elapse(3 * 90_000);
      expect(desk.loads.report(sfus[0]!)).to.include({ sessions: 100 });
      await clock.elapse(1);
      expect(desk.loads.report(sfus[0]!)).to.equal(null);
    });

    it("is that of one without a report, and has no part in the average", async () => {
      const desk = openDesk(clock, [a, b, c], settings);
      desk.report(a, { sessions: 1000 });
      await clock.elapse(30_001);
      desk.report(b, { sessions: 200 });
      for (const sfu of [a, c]) {
        expect(desk.loads.of(sfu).sessions).to.equal(null);
        expect(desk.loads.of(sfu).assumed).to.be.closeTo(whole * 0.2, TINY);
      }
    });

    it("does not keep an SFU out for its overload", async () => {
      const desk = openDesk(clock, [a], settings);
      desk.report(a, { sessions: 1000 });
      expect(desk.loads.overload(a)).not.to.equal(null);
      await clock.elapse(30_001);
      expect(desk.loads.overload(a)).to.equal(null);
    });
  });

  describe("with conferences on their way", () => {
    it("rises with each by what one costs", () => {
      const desk = openDesk(clock, [a]);
      desk.report(a, { sessions: 100, channels: 20, cpu: 0.5 });
      const before = desk.loads.of(a);
      const cost = desk.loads.costOf(a);
      expect(cost).to.be.above(0);
      for (let placed = 1; placed <= 5; placed++) {
        desk.ledger.claim(a);
        const load = desk.loads.of(a);
        expect(load.total).to.be.closeTo(before.total + placed * cost, TINY);
        expect(load.expected).to.be.closeTo(placed * cost, TINY);
        expect(load).to.include({ sessions: before.sessions, cpu: before.cpu });
        expect(desk.loads.expected(a)).to.be.closeTo(placed * desk.ledger.averageSize(), TINY);
      }
    });

    it("rises by more, the fewer sessions fill it", () => {
      const [small, large] = [sfuOf(1, { maxSessions: 100 }), sfuOf(2, { maxSessions: 1000 })];
      const desk = openDesk(clock, [small, large]);
      for (const sfu of [small, large]) desk.ledger.claim(sfu);
      expect(desk.loads.totalOf(small)).to.be.closeTo(10 * desk.loads.totalOf(large), TINY);
      expect(desk.loads.costOf(small)).to.be.closeTo(10 * desk.loads.costOf(large), TINY);
    });

    it("is full where as many are on their way as fill it", () => {
      const desk = openDesk(clock, [a]);
      const conferences = Math.round(a.maxSessions / desk.ledger.averageSize());
      for (let placed = 0; placed < conferences; placed++) desk.ledger.claim(a);
      expect(desk.loads.totalOf(a)).to.be.closeTo(whole, whole * 0.01);
    });
  });

  describe("if this conference became a large one", () => {
    /** What that would add. */
    const roomIn =
      ({ loads }: Desk) =>
      (sfu: Sfu): number => {
        const room = loads.roomOf(sfu);
        expect(loads.scoring()(sfu)).to.be.closeTo(loads.totalOf(sfu) + room, TINY);
        return room;
      };

    it("would rise by the more, the fewer sessions fill it, and the less of them it is to have", () => {
      const [one, small, light] = [a, sfuOf(2, { maxSessions: 100 }), sfuOf(3, { weight: 2 })];
      const desk = openDesk(clock, [one, small, light]);
      const room = roomIn(desk);
      for (const sfu of [one, small, light]) desk.report(sfu, { sessions: 50 });
      expect(room(one)).to.be.above(desk.loads.costOf(one));
      expect(room(small)).to.be.closeTo(10 * room(one), TINY);
      expect(room(light)).to.be.closeTo(room(one) / 2, TINY);
    });

    it("would rise as an average one would, where its own load is unknown", () => {
      const unseen = sfuOf(9, { maxSessions: 10 });
      const desk = openDesk(clock, [a, b, unseen]);
      const room = roomIn(desk);
      expect(room(unseen)).to.be.closeTo(100 * room(a), TINY);
      desk.report(a);
      desk.report(b);
      expect(room(unseen)).to.be.closeTo(room(a), TINY);
      desk.registry.put(sfuOf(2, { maxSessions: 3000 }));
      expect(room(unseen)).to.be.closeTo(room(a) / 2, TINY);
      desk.report(unseen);
      expect(room(unseen)).to.be.closeTo(100 * room(a), TINY);
    });
  });

  describe("where the operator has set weights to 0", () => {
    const nothing = { sessions: 0, cpu: 0, memory: 0 };

    it("is 0 and no NaN, all of them together", () => {
      const desk = openDesk(clock, [a, b], { weights: nothing });
      desk.report(a, { sessions: 900, cpu: 0.9, memory: 0.9 });
      desk.ledger.claim(a);
      desk.ledger.claim(b);
      for (const sfu of [a, b]) {
        const load = desk.loads.of(sfu);
        expect(load.total).to.equal(0);
        expect(sumOf(load)).to.equal(0);
        expect(desk.loads.totalOf(sfu)).to.equal(0);
        expect(desk.loads.costOf(sfu)).to.equal(0);
        expect(desk.loads.scoring()(sfu)).to.equal(0);
      }
    });

    it("still knows when it is overloaded", () => {
      const desk = openDesk(clock, [a], { weights: nothing });
      desk.report(a, { sessions: 1000 });
      expect(desk.loads.overload(a)).to.match(/1000 sessions/);
    });

    it("leaves out that factor", () => {
      const settings: Settings = { weights: { cpu: 0 } };
      const load = loadOf({ sessions: 200, cpu: 1, memory: 0.6 }, settings);
      expect(load.cpu).to.equal(0);
      expect(load.total).to.be.closeTo(weights.sessions * 0.2 + weights.memory * 0.6, TINY);
    });
  });

  /** Any fleet, reports and weights that an operator might have, many at their bounds. */
  const anything = (seed: number): Desk => {
    const random = seeded(seed);
    const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
    const weight = (): number => pick(0, 0.01, 0.2, 1, random(), 1000 * random());
    const share = (): number | null => pick(null, 0, 1, random());
    const desk = openDesk(
      clock,
      Array.from({ length: 6 }, (_, index) =>
        sfuOf(index + 1, { weight: pick(0.01, 1, 3, 100, 10 * random()), maxSessions: pick(1, 100, 1000, 1_000_000) }),
      ),
      { weights: { sessions: weight(), cpu: weight(), memory: weight() } },
    );
    for (const sfu of desk.registry.all()) {
      for (let placed = pick(0, 0, 1, 20); placed > 0; placed--) desk.ledger.claim(sfu);
      const sessions = Math.floor(pick(0, 1, 1000, 1_000_000) * random());
      if (random() < 0.7)
        desk.report(sfu, { sessions, channels: Math.ceil(sessions / 5), cpu: share(), memory: share() });
      for (let placed = pick(0, 0, 1, 20); placed > 0; placed--) desk.ledger.claim(sfu);
    }
    return desk;
  };

  it("is always the sum of its parts by the SFU's weight, a number, and the same for rankings", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { registry, loads } = anything(seed);
      for (const sfu of registry.all()) {
        const load = loads.of(sfu);
        const sum = sumOf(load);
        for (const part of Object.values(load) as (number | null)[]) {
          if (part !== null)
            expect(part, `seed ${String(seed)}`)
              .to.satisfy(Number.isFinite)
              .and.at.least(0);
        }
        expect(load.total * sfu.weight, `seed ${String(seed)}`).to.be.closeTo(sum, 1e-9 + 1e-9 * sum);
        expect(loads.totalOf(sfu)).to.be.closeTo(load.total, 1e-9 + 1e-9 * load.total);
      }
    }
  });

  it("never falls when a factor rises, or when a conference is placed", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { registry, ledger, loads, report } = anything(seed);
      const random = seeded(seed);
      for (const sfu of registry.all()) {
        const latest = loads.report(sfu);
        if (latest === null) continue;
        const totalWith = (parts: Partial<Report>): number => {
          report(sfu, { ...latest, ...parts });
          return loads.totalOf(sfu);
        };
        const before = totalWith({});
        const atLeastBefore = (after: number, what: string): void => {
          expect(after, `${what}, seed ${String(seed)}`).to.be.at.least(before - 1e-9 * before);
        };
        // The same sum of ordinary sessions, or the cost of a conference would change as well.
        const ordinarySessions = latest.ordinarySessions ?? Math.min(latest.sessions, ORDINARY_SIZE * latest.channels);
        const more = { sessions: latest.sessions + 1 + Math.floor(100 * random()), ordinarySessions };
        atLeastBefore(totalWith(more), "sessions");
        const { cpu, memory } = latest;
        if (cpu !== null) atLeastBefore(totalWith({ cpu: cpu + (1 - cpu) * random() }), "cpu");
        if (memory !== null) atLeastBefore(totalWith({ memory: memory + (1 - memory) * random() }), "memory");
        totalWith({});
        ledger.claim(sfu);
        atLeastBefore(loads.totalOf(sfu), "conference");
      }
    }
  });
});

describe("the load of an SFU after a reload", () => {
  const clock = useFakeClock();
  const [a, b] = [sfuOf(1), sfuOf(2)];
  const reconfigure = (desk: Desk, settings: Settings): void =>
    desk.events.emit("reconfigured", { from: configOf(), to: configOf(settings) });

  it("is by the weights that there are now, of the report that there was", () => {
    const desk = openDesk(clock, [a]);
    desk.report(a, { sessions: 200, cpu: 0.4, memory: 0.6 });
    reconfigure(desk, { weights: { sessions: 1, cpu: 10, memory: 100 } });
    expect(desk.loads.of(a)).to.include({ sessions: 0.2, cpu: 4, memory: 60 });
    expect(desk.loads.totalOf(a)).to.be.closeTo(64.2, TINY);
  });

  it("is the average by those weights, where there is no report", () => {
    const desk = openDesk(clock, [a, b]);
    desk.report(a, { sessions: 100, cpu: 0.9, memory: 0 });
    expect(desk.loads.totalOf(b)).to.be.closeTo(desk.loads.totalOf(a), TINY);
    reconfigure(desk, { weights: { sessions: 0, cpu: 3, memory: 0 } });
    expect(desk.loads.of(b).assumed).to.be.closeTo(2.7, TINY);
  });

  it("believes a report for as long as it would now", async () => {
    const desk = openDesk(clock, [a], { health: { statsIntervalMs: 100_000 }, registration: { ttlMs: 1000 } });
    desk.report(a);
    await clock.elapse(200_000);
    expect(desk.loads.report(a)).not.to.equal(null);
    reconfigure(desk, { health: { statsIntervalMs: 10_000 }, registration: { ttlMs: 1000 } });
    expect(desk.loads.report(a)).to.equal(null);
    reconfigure(desk, { health: { statsIntervalMs: 100_000 }, registration: { ttlMs: 1000 } });
    expect(desk.loads.report(a)).not.to.equal(null);
  });

  it("has forgotten nothing of what was placed", () => {
    const desk = openDesk(clock, [a]);
    desk.report(a);
    desk.ledger.claim(a);
    const before = desk.loads.expected(a);
    reconfigure(desk, { weights: { sessions: 5 }, overload: { maxCpu: 0.1 } });
    expect(desk.loads.expected(a)).to.equal(before).and.above(0);
  });

  it("is too much by the limits that there are now", () => {
    const desk = openDesk(clock, [a]);
    desk.report(a, { sessions: 500, cpu: 0.5, memory: 0.5 });
    for (const [overload, reason] of [
      [{ maxCpu: 0.4 }, /cpu at 50 %, of at most 40 %/],
      [{ maxMemory: 0.4 }, /memory at 50 %, of at most 40 %/],
      [{ maxSessionsRatio: 0.4 }, /500 sessions, of at most 400/],
    ] as const) {
      expect(desk.loads.overload(a)).to.equal(null);
      reconfigure(desk, { overload });
      expect(desk.loads.overload(a)).to.match(reason);
      reconfigure(desk, {});
    }
  });
});

describe("whether an SFU is overloaded", () => {
  const clock = useFakeClock();
  const sfu = sfuOf(1);
  const overload = { maxCpu: 0.9, maxMemory: 0.8, maxSessionsRatio: 0.5 };

  const cases: readonly (readonly [what: string, parts: Partial<Report>, reason: RegExp | null])[] = [
    ["one that is idle", {}, null],
    ["one whose cpu is under its threshold", { cpu: 0.89 }, null],
    ["one whose cpu is at its threshold", { cpu: 0.9 }, null],
    ["one whose cpu is over its threshold", { cpu: 0.901 }, /cpu at 90\.1 %, of at most 90 %/],
    ["one whose memory is at its threshold", { memory: 0.8 }, null],
    ["one whose memory is over its threshold", { memory: 0.97 }, /memory at 97 %, of at most 80 %/],
    ["one that has room for one more session", { sessions: 499 }, null],
    ["one that has as many sessions as it may", { sessions: 500 }, /500 sessions, of at most 500/],
    ["one that has more sessions than it may", { sessions: 777 }, /777 sessions, of at most 500/],
    ["one that tells no cpu and no memory", { cpu: null, memory: null, sessions: 10 }, null],
    ["one with everything over its threshold: by the first", { cpu: 1, memory: 1, sessions: 999 }, /cpu at 100 %/],
  ];
  for (const [what, parts, reason] of cases) {
    it(`is ${reason === null ? "no" : "yes"} for ${what}`, () => {
      const desk = openDesk(clock, [sfu], { overload });
      desk.report(sfu, parts);
      if (reason === null) expect(desk.loads.overload(sfu)).to.equal(null);
      else
        expect(desk.loads.overload(sfu))
          .to.match(/^is overloaded: /)
          .and.match(reason);
    });
  }

  it("is no where nothing was reported", () => {
    const desk = openDesk(clock, [sfu], { overload });
    for (let placed = 0; placed < 1000; placed++) desk.ledger.claim(sfu);
    expect(desk.loads.overload(sfu)).to.equal(null);
  });

  it("counts a conference placed since the report as the one session that it has for sure", async () => {
    const desk = openDesk(clock, [sfu], { overload });
    desk.report(sfu, { sessions: 498 });
    await clock.elapse(10);
    desk.ledger.claim(sfu);
    expect(desk.loads.overload(sfu)).to.equal(null);
    const takeBack = desk.ledger.claim(sfu);
    expect(desk.loads.overload(sfu)).to.match(/500 sessions/);
    takeBack();
    expect(desk.loads.overload(sfu)).to.equal(null);
  });

  it("does not count what is only expected", async () => {
    const desk = openDesk(clock, [sfu], { overload });
    for (let placed = 0; placed < 400; placed++) desk.ledger.claim(sfu);
    await clock.elapse(10);
    desk.report(sfu, { sessions: 499, channels: 400 });
    expect(desk.loads.expected(sfu)).to.be.above(500);
    expect(desk.loads.overload(sfu)).to.equal(null);
  });

  it("is by the SFU's own size", () => {
    const small = sfuOf(1, { maxSessions: 10 });
    const desk = openDesk(clock, [small], { overload });
    desk.report(small, { sessions: 5 });
    expect(desk.loads.overload(small)).to.match(/5 sessions, of at most 5/);
  });

  it("ends when the SFU reports less", () => {
    const desk = openDesk(clock, [sfu], { overload });
    desk.report(sfu, { cpu: 0.95 });
    expect(desk.loads.overload(sfu)).not.to.equal(null);
    desk.report(sfu, { cpu: 0.5 });
    expect(desk.loads.overload(sfu)).to.equal(null);
  });
});
