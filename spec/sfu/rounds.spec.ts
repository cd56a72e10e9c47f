import { expect } from "chai";
import { sleep } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { createRounds, type Rounds, type RoundsOptions } from "../../lib/sfu/rounds.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";

const INTERVAL_MS = 2000;
/** A timer takes whole milliseconds. */
const TICK_MS = 1;

describe("rounds", () => {
  const clock = useFakeClock();
  let events: Events;
  let registry: Registry;
  let visits: { readonly sfu: Sfu; readonly atMs: number; readonly signal: AbortSignal }[];
  let unexpected: string[];
  let started: Rounds[];
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    visits = [];
    unexpected = [];
    started = [];
    events.on("unexpected", ({ where, error }) => unexpected.push(`${where}: ${error.message}`));
  });
  afterEach(() => {
    for (const rounds of started) rounds.stop();
  });

  const fleet = (count: number): readonly Sfu[] => Array.from({ length: count }, (_, index) => sfuOf(index + 1));
  const enter = (sfus: readonly Sfu[]): void => {
    for (const sfu of sfus) registry.put(sfu);
  };
  const start = (
    visit: RoundsOptions["visit"] = () => Promise.resolve(null),
    options: Partial<RoundsOptions> = {},
  ): Rounds => {
    const rounds = createRounds({
      name: "the rounds",
      clock,
      random: seeded(1),
      events,
      registry,
      intervalMs: INTERVAL_MS,
      mostASecond: Infinity,
      atATime: 10,
      ...options,
      visit(sfu, signal) {
        visits.push({ sfu, atMs: clock.monotonic(), signal });
        return visit(sfu, signal);
      },
    });
    started.push(rounds);
    return rounds;
  };
  const timesOf = ({ address }: Sfu): number[] =>
    visits.filter(({ sfu }) => sfu.address === address).map(({ atMs }) => atMs);
  const gapsOf = (sfu: Sfu): number[] => {
    const times = timesOf(sfu);
    return times.slice(1).map((atMs, index) => atMs - times[index]!);
  };
  /** How many visits fell into each tenth of the interval that has just gone by. */
  const tenths = (): number[] => {
    const sinceMs = clock.monotonic() - INTERVAL_MS;
    const counts = Array<number>(10).fill(0);
    for (const { atMs } of visits.filter((visit) => visit.atMs >= sinceMs)) {
      const tenth = Math.min(9, Math.floor(((atMs - sinceMs) / INTERVAL_MS) * 10));
      counts[tenth] = counts[tenth]! + 1;
    }
    return counts;
  };

  it("visit everybody within the first interval, spread over the whole of it", async () => {
    const sfus = fleet(200);
    enter(sfus);
    start();
    await clock.elapse(INTERVAL_MS);
    expect(sfus.map((sfu) => Math.min(1, timesOf(sfu).length))).to.deep.equal(Array(200).fill(1));
    expect(Math.min(...tenths())).to.be.at.least(8);
    expect(Math.max(...tenths())).to.be.at.most(60);
  });

  it("begin the visits of a large fleet together, ten times a second, and each in time", async () => {
    const sfus = fleet(300);
    enter(sfus);
    start();
    await clock.elapse(10 * INTERVAL_MS);
    const times = new Set(visits.filter(({ atMs }) => atMs >= INTERVAL_MS).map(({ atMs }) => atMs));
    expect(times.size).to.be.at.most((9 * INTERVAL_MS) / 100 + 1);
    for (const sfu of sfus) {
      expect(Math.min(...gapsOf(sfu))).to.be.at.least(0.75 * INTERVAL_MS - 100 - TICK_MS);
      expect(Math.max(...gapsOf(sfu))).to.be.at.most(0.95 * INTERVAL_MS + TICK_MS);
    }
  });

  describe("that something else stands in for", () => {
    let shownAtMs: number;
    beforeEach(() => (shownAtMs = -Infinity));

    it("are put off until as late as they may come after that", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      start(undefined, { shownAtMs: () => shownAtMs });
      await clock.elapse(INTERVAL_MS);
      for (let turn = 0; turn < 20; turn++) {
        shownAtMs = clock.monotonic();
        await clock.elapse(INTERVAL_MS / 2);
      }
      const before = visits.length;
      expect(before).to.be.at.most(2);
      await clock.elapse(0.45 * INTERVAL_MS - TICK_MS);
      expect(visits).to.have.length(before);
      await clock.elapse(2 * TICK_MS);
      expect(visits).to.have.length(before + 1);
    });

    it("are so by the pace of a fleet that is too large for the interval, too", async () => {
      const sfus = fleet(200);
      enter(sfus);
      const rounds = start(undefined, { mostASecond: 50, shownAtMs: () => shownAtMs });
      await clock.elapse(8000);
      expect(rounds.paceMs()).to.equal(4000);
      visits = [];
      shownAtMs = clock.monotonic();
      await clock.elapse(0.95 * 4000 - 100 - TICK_MS);
      expect(visits).to.deep.equal([]);
      await clock.elapse(100 + 2 * TICK_MS);
      expect(visits).to.have.length(200);
    });

    it("come all the same where somebody wants one now", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const rounds = start(undefined, { shownAtMs: () => clock.monotonic() });
      await clock.elapse(10 * INTERVAL_MS);
      const before = visits.length;
      expect(rounds.now(sfu!)).to.equal(true);
      await clock.elapse(0);
      expect(visits).to.have.length(before + 1);
    });
  });

  it("visit a fleet that nobody knows yet as fast as that is wanted", async () => {
    const sfus = fleet(200);
    enter(sfus);
    start(undefined, { mostASecond: 20, firstASecond: 200 });
    await clock.elapse(INTERVAL_MS);
    expect(new Set(visits.map(({ sfu }) => sfu)).size).to.equal(200);
    visits = [];
    await clock.elapse(20_000);
    expect(visits.length / 20).to.be.within(18, 26);
  });

  it("visit everybody sooner the first time, where that is wanted", async () => {
    const sfus = fleet(50);
    enter(sfus);
    start(undefined, { firstWithinMs: 100 });
    await clock.elapse(100);
    expect(visits).to.have.length(50);
  });

  it("come less often where the fleet is too large for the interval, and never more than so many a second", async () => {
    const sfus = fleet(200);
    enter(sfus);
    start(undefined, { mostASecond: 50 });
    await clock.elapse(40_000);
    expect(visits.length / 40).to.be.within(45, 65);
    for (const sfu of sfus) expect(timesOf(sfu), "nobody is forgotten").to.have.length.at.least(8);
  });

  it("do not come less often for the sake of those that they pass by", async () => {
    const sfus = fleet(200);
    const [busy] = sfus;
    enter(sfus);
    start(undefined, { mostASecond: 50, passesBy: (sfu) => sfu !== busy });
    await clock.elapse(10_000);
    const before = timesOf(busy!).length;
    await clock.elapse(10 * INTERVAL_MS);
    expect(timesOf(busy!).length - before).to.be.within(10, 14);
  });

  it("look again within an interval at those that they pass by, however many there are to visit", async () => {
    const sfus = fleet(401);
    const busy = sfus.slice(0, 400);
    const [idle] = sfus.slice(400);
    let isIdle = true;
    enter(sfus);
    start(undefined, { mostASecond: 50, passesBy: (sfu) => sfu === idle && isIdle });
    await clock.elapse(20_000);
    expect(timesOf(idle!)).to.deep.equal([]);
    expect(busy.filter((sfu) => timesOf(sfu).length === 0)).to.deep.equal([]);
    isIdle = false;
    await clock.elapse(INTERVAL_MS);
    expect(timesOf(idle!)).to.have.length(1);
  });

  it("visit those soon that they pass by no more, but a large fleet not all at once", async () => {
    const sfus = fleet(1000);
    let arePassedBy = true;
    enter(sfus);
    start(undefined, { mostASecond: 100, passesBy: () => arePassedBy });
    await clock.elapse(20_000);
    expect(visits).to.deep.equal([]);
    arePassedBy = false;
    await clock.elapse(15_000);
    const seconds = Array<number>(15).fill(0);
    const beganMs = clock.monotonic() - 15_000;
    for (const { atMs } of visits) seconds[Math.min(14, Math.floor((atMs - beganMs) / 1000))]!++;
    // Twice as many: the first of them come again while the last wait.
    expect(Math.max(...seconds)).to.be.at.most(200);
    expect(new Set(visits.map(({ sfu }) => sfu)).size).to.equal(1000);
  });

  it("visit nobody ahead of its turn who is passed by", async () => {
    const [sfu] = fleet(1);
    enter([sfu!]);
    let isPassedBy = true;
    const rounds = start(undefined, { passesBy: () => isPassedBy });
    expect(rounds.now(sfu!)).to.be.false;
    await clock.elapse(INTERVAL_MS);
    expect(visits).to.deep.equal([]);
    isPassedBy = false;
    expect(rounds.now(sfu!)).to.be.true;
    await clock.elapse(TICK_MS);
    expect(visits).to.have.length(1);
  });

  it("come again after 75 to 95 % of the interval, never at the same time", async () => {
    const [sfu] = fleet(1);
    enter([sfu!]);
    start();
    await clock.elapse(200 * INTERVAL_MS);
    const gaps = gapsOf(sfu!);
    expect(gaps).to.have.length.above(200);
    expect(Math.min(...gaps)).to.be.within(0.75 * INTERVAL_MS - TICK_MS, 0.77 * INTERVAL_MS);
    expect(Math.max(...gaps)).to.be.within(0.93 * INTERVAL_MS, 0.95 * INTERVAL_MS + TICK_MS);
  });

  it("let those drift apart who were visited at the same moment", async () => {
    enter(fleet(200));
    start(undefined, { firstWithinMs: 0 });
    await clock.elapse(TICK_MS);
    expect(visits).to.have.length(200);
    await clock.elapse(50 * INTERVAL_MS);
    expect(Math.max(...tenths())).to.be.at.most(60);
  });

  it("count the interval from the end of a visit", async () => {
    const [sfu] = fleet(1);
    enter([sfu!]);
    start(async () => {
      await sleep(clock, 1000);
      return null;
    });
    await clock.elapse(20 * INTERVAL_MS);
    for (const gap of gapsOf(sfu!)) {
      expect(gap).to.be.within(1000 + 0.75 * INTERVAL_MS - TICK_MS, 1000 + 0.95 * INTERVAL_MS + TICK_MS);
    }
  });

  it("come as soon as a visit says", async () => {
    const [sfu] = fleet(1);
    enter([sfu!]);
    let left = 3;
    start(() => Promise.resolve(left-- > 0 ? 120 : null), { firstWithinMs: 0 });
    await clock.elapse(500);
    expect(gapsOf(sfu!)).to.deep.equal([120, 120, 120]);
  });

  it("keep to so many visits at a time, however many hang, and get to everybody", async () => {
    const sfus = fleet(1000);
    enter(sfus);
    let underWay = 0;
    let most = 0;
    start(
      async () => {
        most = Math.max(most, ++underWay);
        await sleep(clock, 1000);
        underWay--;
        return null;
      },
      { atATime: 100 },
    );
    await clock.elapse(12_000);
    expect(most).to.equal(100);
    expect(sfus.filter((sfu) => timesOf(sfu).length === 0)).to.have.length(0);
  });

  it("report a visit that throws, and go on", async () => {
    const [sfu] = fleet(1);
    enter([sfu!]);
    start(() => Promise.reject(new Error("a bug")));
    await clock.elapse(3 * INTERVAL_MS);
    expect(visits).to.have.length.within(3, 4);
    expect(unexpected).to.deep.equal(visits.map(() => "the rounds: a bug"));
  });

  it("report a visit that throws before it has begun, and go on", async () => {
    enter(fleet(1));
    start(() => {
      throw new Error("a bug");
    });
    await clock.elapse(3 * INTERVAL_MS);
    expect(visits).to.have.length.within(3, 4);
    expect(unexpected).to.deep.equal(visits.map(() => "the rounds: a bug"));
  });

  describe("while the fleet changes", () => {
    const hanging = (): { readonly visit: RoundsOptions["visit"]; readonly end: () => void } => {
      const ends: (() => void)[] = [];
      return {
        visit: () => new Promise((resolve) => ends.push(() => resolve(null))),
        end: () => {
          for (const end of ends.splice(0)) end();
        },
      };
    };

    it("visit an SFU that comes later, within an interval", async () => {
      start();
      await clock.elapse(INTERVAL_MS);
      const [sfu] = fleet(1);
      enter([sfu!]);
      await clock.elapse(INTERVAL_MS);
      expect(timesOf(sfu!)).to.have.length.at.least(1);
    });

    it("visit one that has left no more", async () => {
      const sfus = fleet(2);
      enter(sfus);
      start();
      await clock.elapse(INTERVAL_MS);
      registry.remove(sfus[0]!.address, "static");
      visits = [];
      await clock.elapse(10 * INTERVAL_MS);
      expect(timesOf(sfus[0]!)).to.deep.equal([]);
      expect(timesOf(sfus[1]!)).to.have.length.above(9);
    });

    it("do not come back to one that left in the middle of a visit", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const { visit, end } = hanging();
      start(visit);
      await clock.elapse(INTERVAL_MS);
      registry.remove(sfu!.address, "static");
      end();
      await clock.elapse(10 * INTERVAL_MS);
      expect(visits).to.have.length(1);
      expect(clock.timers()).to.equal(0);
    });

    it("do not visit one that left while it was waiting for others", async () => {
      const sfus = fleet(2);
      enter(sfus);
      const { visit, end } = hanging();
      start(visit, { atATime: 1, firstWithinMs: 0 });
      await clock.elapse(TICK_MS);
      expect(visits).to.have.length(1);
      const [waiting] = sfus.filter((sfu) => timesOf(sfu).length === 0);
      registry.remove(waiting!.address, "static");
      end();
      await clock.elapse(0);
      expect(visits).to.have.length(1);
    });

    it("visit one that left and came back in the middle of a visit as often as any other", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const { visit, end } = hanging();
      start(visit);
      await clock.elapse(INTERVAL_MS);
      registry.remove(sfu!.address, "static");
      enter([sfuOf(1)]);
      await clock.elapse(INTERVAL_MS);
      expect(visits, "the second one does not wait for the first").to.have.length(2);
      end();
      await clock.elapse(0);
      expect(clock.timers(), "one turn, not two").to.equal(1);
    });

    it("visit the entry that is in force, from the visit after the change", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const { visit, end } = hanging();
      start(visit);
      await clock.elapse(INTERVAL_MS);
      const successor = sfuOf(1, { weight: 2 });
      enter([successor]);
      end();
      await clock.elapse(INTERVAL_MS);
      expect(visits.map((one) => one.sfu)).to.deep.equal([sfu, successor]);
    });
  });

  describe("ahead of the turn", () => {
    it("visit at once, and again after the usual time", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const rounds = start();
      await clock.elapse(INTERVAL_MS);
      visits = [];
      const nowMs = clock.monotonic();
      expect(rounds.now(sfu!)).to.be.true;
      await clock.elapse(INTERVAL_MS);
      const [first, second, third] = timesOf(sfu!);
      expect(first).to.equal(nowMs);
      expect(second! - first!).to.be.within(0.75 * INTERVAL_MS - TICK_MS, 0.95 * INTERVAL_MS + TICK_MS);
      expect(third, "the turn that was due before is not kept too").to.equal(undefined);
    });

    it("do not visit whom they are visiting, or who is next", async () => {
      const sfus = fleet(2);
      enter(sfus);
      const end = Promise.withResolvers<null>();
      const rounds = start(() => end.promise, { atATime: 1, firstWithinMs: 0 });
      await clock.elapse(TICK_MS);
      expect(sfus.map((sfu) => rounds.now(sfu))).to.deep.equal([false, false]);
      end.resolve(null);
      await clock.elapse(TICK_MS);
      expect(visits).to.have.length(2);
    });

    it("do not visit a stranger, or anybody once they are stopped", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const rounds = start();
      expect(rounds.now(sfuOf(2))).to.be.false;
      rounds.stop();
      expect(rounds.now(sfu!)).to.be.false;
      await clock.elapse(INTERVAL_MS);
      expect(visits).to.deep.equal([]);
    });
  });

  describe("at another interval", () => {
    const perSecond = async (seconds: number): Promise<number> => {
      visits = [];
      await clock.elapse(seconds * 1000);
      return visits.length / seconds;
    };

    it("that is shorter, come sooner: nobody waits out the longer one", async () => {
      const sfus = fleet(50);
      enter(sfus);
      const rounds = start(undefined, { intervalMs: 3_600_000 });
      rounds.setInterval(INTERVAL_MS);
      await clock.elapse(INTERVAL_MS);
      expect(sfus.filter((sfu) => timesOf(sfu).length === 0)).to.deep.equal([]);
      expect(clock.timers(), "one turn each").to.equal(50);
    });

    it("that is longer, and back, keep to the one that there is now", async () => {
      enter(fleet(50));
      const rounds = start();
      await clock.elapse(INTERVAL_MS);
      expect(await perSecond(40)).to.be.within(25, 34);
      rounds.setInterval(10 * INTERVAL_MS);
      await clock.elapse(10 * INTERVAL_MS);
      expect(await perSecond(200)).to.be.within(2.5, 3.4);
      rounds.setInterval(INTERVAL_MS);
      await clock.elapse(INTERVAL_MS);
      expect(await perSecond(40)).to.be.within(25, 34);
      expect(clock.timers(), "one turn each").to.equal(50);
    });

    it("spread their visits over the whole of it", async () => {
      enter(fleet(200));
      const rounds = start(undefined, { intervalMs: 3_600_000 });
      rounds.setInterval(INTERVAL_MS);
      await clock.elapse(INTERVAL_MS);
      expect(Math.min(...tenths())).to.be.at.least(8);
      expect(Math.max(...tenths())).to.be.at.most(60);
    });

    it("do not visit twice at a time whom they are visiting, and wait the new time after it", async () => {
      const [sfu] = fleet(1);
      enter([sfu!]);
      const rounds = start(
        async () => {
          await sleep(clock, 1000);
          return null;
        },
        { firstWithinMs: 0 },
      );
      await clock.elapse(TICK_MS);
      rounds.setInterval(5 * INTERVAL_MS);
      await clock.elapse(1000 + 0.75 * 5 * INTERVAL_MS - 2 * TICK_MS);
      expect(visits).to.have.length(1);
      await clock.elapse(0.2 * 5 * INTERVAL_MS + 3 * TICK_MS);
      expect(visits).to.have.length(2);
    });

    it("that is the same let everybody wait on", async () => {
      enter(fleet(1));
      const rounds = start();
      let waitedMs = 0;
      for (; visits.length === 0 && waitedMs < INTERVAL_MS; waitedMs += 100) {
        rounds.setInterval(INTERVAL_MS);
        await clock.elapse(100);
      }
      expect(visits).to.have.length(1);
    });

    it("starve nobody, however often it changes", async () => {
      const sfus = fleet(20);
      enter(sfus);
      const rounds = start();
      for (let change = 0; change < 200; change++) {
        rounds.setInterval(INTERVAL_MS + (change % 2));
        await clock.elapse(100);
      }
      for (const sfu of sfus) expect(timesOf(sfu).length).to.be.at.least(2);
    });

    it("visit who comes later as soon as is wanted now", async () => {
      const rounds = start(undefined, { firstWithinMs: 60_000, intervalMs: 60_000 });
      rounds.setInterval(30_000, 100);
      enter(fleet(20));
      await clock.elapse(100);
      expect(visits).to.have.length(20);
    });
  });

  describe("once they are stopped", () => {
    it("leave no timer, give up what is under way, and begin nothing that waited", async () => {
      enter(fleet(20));
      const rounds = start(
        async (_, signal) => {
          await sleep(clock, 60_000, signal);
          return null;
        },
        { firstWithinMs: 0 },
      );
      await clock.elapse(TICK_MS);
      expect(visits).to.have.length(10);
      rounds.stop();
      await clock.elapse(0);
      expect(visits.every(({ signal }) => signal.aborted)).to.be.true;
      expect(unexpected).to.deep.equal([]);
      expect(clock.timers()).to.equal(0);
      await clock.elapse(10 * INTERVAL_MS);
      expect(visits).to.have.length(10);
    });

    it("take no notice of SFUs that come, or of another interval", () => {
      const rounds = start();
      rounds.stop();
      enter(fleet(3));
      rounds.setInterval(100);
      expect(clock.timers()).to.equal(0);
    });
  });
});
