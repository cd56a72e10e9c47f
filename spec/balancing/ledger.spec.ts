import { expect } from "chai";
import { type Cancellation, FILLING_MS, type Ledger } from "../../lib/balancing/ledger.ts";
import type { Registry } from "../../lib/sfu/registry.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { ORDINARY_SIZE } from "../../lib/sfu/stats.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";
import { type Desk, openDesk } from "./harness.ts";

describe("the ledger", () => {
  const clock = useFakeClock();
  const [a, b] = [sfuOf(1), sfuOf(2)];
  let ledger: Ledger;
  let registry: Registry;
  let report: Desk["report"];
  beforeEach(() => {
    ({ ledger, registry, report } = openDesk(clock, [a, b]));
  });

  const claim = (sfu: Sfu, times: number): Cancellation[] => Array.from({ length: times }, () => ledger.claim(sfu));

  /** The conferences that are on their way, in whole ones. */
  const awaited = (sfu: Sfu): number => ledger.expectedSessions(sfu) / ledger.averageSize();

  describe("between two reports", () => {
    it("expects nothing of who was given nothing", () => {
      expect(ledger.placedSinceReport(a)).to.equal(0);
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("counts a conference at once, at the size of an average one", () => {
      claim(a, 3);
      expect(ledger.placedSinceReport(a)).to.equal(3);
      expect(ledger.expectedSessions(a)).to.be.closeTo(3 * ledger.averageSize(), 1e-9);
      expect(ledger.placedSinceReport(b)).to.equal(0);
      expect(ledger.expectedSessions(b)).to.equal(0);
    });

    it("takes back what came to nothing", async () => {
      const [first] = claim(a, 1);
      await clock.elapse(1000);
      claim(a, 2);
      first?.();
      expect(ledger.placedSinceReport(a)).to.equal(2);
      expect(awaited(a)).to.be.closeTo(2, 1e-9);
    });

    it("takes back the same conference once, however often it is told to", () => {
      const [first] = claim(a, 3);
      first?.();
      first?.();
      expect(ledger.placedSinceReport(a)).to.equal(2);
    });

    it("counts on where an entry for the same address takes the place of another", () => {
      claim(a, 2);
      const successor = { ...a, region: "eu" };
      registry.put(successor);
      claim(a, 1);
      expect(ledger.placedSinceReport(successor)).to.equal(3);
    });
  });

  describe("with a report", () => {
    it("forgets what is older", async () => {
      claim(a, 3);
      claim(b, 1);
      await clock.elapse(1000);
      report(a, { channels: 3, sessions: 3 });
      expect(ledger.placedSinceReport(a)).to.equal(0);
      expect(ledger.placedSinceReport(b)).to.equal(1);
    });

    it("keeps what is younger, for that does not show in it", async () => {
      const atMs = clock.monotonic();
      await clock.elapse(500);
      claim(a, 3);
      await clock.elapse(500);
      report(a, { atMs });
      expect(ledger.placedSinceReport(a)).to.equal(3);
      expect(awaited(a)).to.be.closeTo(3, 1e-9);
    });

    it("takes what was placed in its very millisecond for seen", () => {
      claim(a, 2);
      report(a, { channels: 2 });
      expect(ledger.placedSinceReport(a)).to.equal(0);
      expect(awaited(a)).to.be.closeTo(2, 1e-9);
    });

    it("tells what is older from what is younger", async () => {
      claim(a, 2);
      await clock.elapse(1000);
      const atMs = clock.monotonic();
      await clock.elapse(1000);
      claim(a, 5);
      report(a, { atMs, channels: 2 });
      expect(ledger.placedSinceReport(a)).to.equal(5);
    });

    it("does not take back what the report has shown", async () => {
      const [first] = claim(a, 1);
      await clock.elapse(1000);
      report(a, { channels: 1 });
      claim(a, 2);
      first?.();
      expect(ledger.placedSinceReport(a)).to.equal(2);
    });

    it("expects nothing more of what the report has shown and came to nothing", async () => {
      const [first] = claim(a, 1);
      await clock.elapse(10);
      report(a, { channels: 5 });
      first?.();
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("takes back what came after the report, and that alone", async () => {
      claim(a, 2);
      await clock.elapse(1000);
      report(a, { channels: 2 });
      await clock.elapse(1000);
      const [first] = claim(a, 2);
      first?.();
      expect(ledger.placedSinceReport(a)).to.equal(1);
    });
  });

  describe("of conferences that are still filling", () => {
    it("expects nearly all of one that was placed just before the report", async () => {
      claim(a, 1);
      await clock.elapse(FILLING_MS / 100);
      report(a, { channels: 1, sessions: 1 });
      expect(awaited(a)).to.be.within(0.9, 1);
    });

    it("expects less of one, the longer before the report it was placed", async () => {
      let before = 1;
      for (let tenth = 1; tenth < 10; tenth++) {
        const desk = openDesk(clock, [a]);
        desk.ledger.claim(a);
        await clock.elapse((tenth * FILLING_MS) / 10);
        desk.report(a, { channels: 1, sessions: 1 });
        const now = desk.ledger.expectedSessions(a) / desk.ledger.averageSize();
        expect(now).to.be.within(0, before - 0.01);
        before = now;
      }
    });

    it("expects nothing more of one that had all its time", async () => {
      claim(a, 1);
      await clock.elapse(FILLING_MS);
      report(a, { channels: 1, sessions: 4 });
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("expects no more of them than there are", async () => {
      claim(a, 10);
      await clock.elapse(10);
      report(a, { channels: 3 });
      expect(awaited(a)).to.be.closeTo(3, 1e-9);
      await clock.elapse(10);
      report(a, { channels: 0 });
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("expects them beside what was placed since", async () => {
      claim(a, 2);
      await clock.elapse(FILLING_MS / 2);
      report(a, { channels: 2 });
      const filling = awaited(a);
      claim(a, 1);
      expect(awaited(a)).to.be.closeTo(filling + 1, 1e-9);
    });

    it("goes on with them from report to report", async () => {
      claim(a, 10);
      let before = 10;
      for (let tenth = 1; tenth <= 10; tenth++) {
        await clock.elapse(FILLING_MS / 10);
        report(a, { channels: 10 });
        expect(awaited(a)).to.be.within(0, before - 0.01);
        before = awaited(a);
      }
      expect(before).to.be.closeTo(0, 1e-9);
    });
  });

  describe("of what other gateways have placed", () => {
    it("counts it from the moment when they did", async () => {
      await clock.elapse(FILLING_MS);
      ledger.claim(a, 20_000);
      expect(ledger.placedSinceReport(a)).to.equal(1);
      await clock.elapse(FILLING_MS - 20_001);
      expect(ledger.placedSinceReport(a)).to.equal(1);
      await clock.elapse(1);
      expect(ledger.placedSinceReport(a)).to.equal(0);
    });

    it("lets it have its time, and no more, whatever was placed here before it was heard of", async () => {
      await clock.elapse(FILLING_MS);
      claim(a, 1);
      ledger.claim(a, FILLING_MS / 2);
      await clock.elapse(FILLING_MS / 2);
      expect(ledger.placedSinceReport(a)).to.equal(1);
    });

    it("tells what its report shows already from what it does not", async () => {
      await clock.elapse(FILLING_MS);
      report(a, { channels: 1, sessions: 1 });
      await clock.elapse(5000);
      ledger.claim(a, 1000);
      ledger.claim(a, 6000);
      expect(ledger.placedSinceReport(a)).to.equal(1);
      expect(awaited(a), "the other one had a second to fill").to.be.closeTo(2 - 1000 / FILLING_MS, 1e-9);
    });

    it("comes to the same whether it hears of it before the report or after it", async () => {
      await clock.elapse(FILLING_MS);
      const [early, late] = [openDesk(clock, [a]), openDesk(clock, [a])];
      for (let n = 0; n < 3; n++) early.ledger.claim(a);
      await clock.elapse(5000);
      for (const desk of [early, late]) desk.report(a, { channels: 3, sessions: 4 });
      await clock.elapse(1000);
      for (let n = 0; n < 3; n++) late.ledger.claim(a, 6000);
      expect(late.ledger.placedSinceReport(a)).to.equal(0);
      expect(late.ledger.expectedSessions(a)).to.be.closeTo(early.ledger.expectedSessions(a), 1e-9);
      expect(late.ledger.averageSize()).to.be.closeTo(early.ledger.averageSize(), 1e-9);
    });

    it("keeps them in order with its own, in whichever order it hears of them", async () => {
      await clock.elapse(FILLING_MS);
      claim(a, 1);
      await clock.elapse(1000);
      ledger.claim(a, 500);
      ledger.claim(a, 1500);
      claim(a, 1);
      report(a, { atMs: clock.monotonic() - 700, channels: 2 });
      expect(ledger.placedSinceReport(a)).to.equal(2);
    });
  });

  describe("where no report comes", () => {
    it("takes what has had its time for filled, or nobody would ever be given a conference again", async () => {
      claim(a, 5);
      await clock.elapse(FILLING_MS / 2);
      claim(a, 1);
      await clock.elapse(FILLING_MS / 2 - 1);
      expect(ledger.placedSinceReport(a)).to.equal(6);
      await clock.elapse(1);
      expect(ledger.placedSinceReport(a)).to.equal(1);
      expect(awaited(a)).to.be.closeTo(1, 1e-9);
      await clock.elapse(FILLING_MS);
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("does so for what the last report showed half filled, too", async () => {
      claim(a, 5);
      await clock.elapse(10);
      report(a, { channels: 5 });
      await clock.elapse(FILLING_MS);
      expect(ledger.expectedSessions(a)).to.equal(0);
    });
  });

  describe("on the size of an average conference", () => {
    it("begins with that of an ordinary call", () => {
      expect(ledger.averageSize()).to.be.within(2, 10);
    });

    for (const size of [1, 2, 9, ORDINARY_SIZE]) {
      it(`learns from the reports that it is ${String(size)}`, () => {
        report(a, { channels: 6000, sessions: 6000 * size });
        report(b, { channels: 4000, sessions: 4000 * size });
        expect(ledger.averageSize()).to.be.closeTo(size, 0.1);
      });
    }

    it("is the more sure of it, the more conferences have shown it", () => {
      let before = Math.abs(ledger.averageSize() - 9);
      for (const channels of [1, 10, 100, 1000]) {
        report(a, { channels, sessions: 9 * channels });
        const off = Math.abs(ledger.averageSize() - 9);
        expect(off).to.be.below(before);
        before = off;
      }
    });

    it("hardly listens to a single conference", () => {
      const before = ledger.averageSize();
      report(a, { channels: 1, sessions: ORDINARY_SIZE });
      expect(ledger.averageSize()).to.be.within(before, before + 2);
    });

    it("is not misled by a webinar", () => {
      const before = ledger.averageSize();
      report(a, { channels: 1, sessions: 3000, ordinarySessions: ORDINARY_SIZE });
      expect(ledger.averageSize()).to.be.within(before, before + 2);
    });

    it("is learned from the sessions without a webinar's where those are told", () => {
      report(a, { channels: 1000, sessions: 9000, ordinarySessions: 2000 });
      const without = ledger.averageSize();
      report(a, { channels: 1000, sessions: 2000 });
      expect(without).to.be.closeTo(ledger.averageSize(), 1e-9);
    });

    it("is not misled by a webinar where only the sum is told", () => {
      const before = ledger.averageSize();
      report(a, { channels: 1, sessions: 3000 });
      expect(ledger.averageSize()).to.be.within(before, before + 2);
      report(a, { channels: 10_000, sessions: 1_000_000 });
      expect(ledger.averageSize()).to.be.at.most(ORDINARY_SIZE);
    });

    it("takes the word of each SFU once, the latest", () => {
      report(a, { channels: 100, sessions: 900 });
      const once = ledger.averageSize();
      for (let time = 0; time < 50; time++) report(a, { channels: 100, sessions: 900 });
      expect(ledger.averageSize()).to.be.closeTo(once, 1e-9);
      report(a, { channels: 100, sessions: 200 });
      expect(ledger.averageSize()).to.be.below(once);
    });

    it("forgets the word of who has left", () => {
      const before = ledger.averageSize();
      report(a, { channels: 100, sessions: 900 });
      registry.remove(a.address, "static");
      expect(ledger.averageSize()).to.be.closeTo(before, 1e-9);
    });

    it("does not take conferences for small that have only just begun", async () => {
      const before = ledger.averageSize();
      claim(a, 200);
      await clock.elapse(FILLING_MS / 60);
      report(a, { channels: 200, sessions: 200 });
      expect(ledger.averageSize()).to.be.at.least(before * 0.9);
    });

    it("is a number above 0, whatever is told", () => {
      for (const [channels, sessions] of [
        [0, 0],
        [0, 1000],
        [1_000_000, 0],
        [1_000_000, 1_000_000],
      ] as const) {
        report(a, { channels, sessions });
        expect(ledger.averageSize()).to.be.within(Number.MIN_VALUE, ORDINARY_SIZE);
      }
    });
  });

  describe("of an SFU that has left", () => {
    it("remembers nothing when it comes back", () => {
      claim(a, 5);
      registry.remove(a.address, "static");
      expect(ledger.placedSinceReport(a)).to.equal(0);
      registry.put(a);
      expect(ledger.placedSinceReport(a)).to.equal(0);
      expect(ledger.expectedSessions(a)).to.equal(0);
    });

    it("counts nothing that is placed all the same, by who had asked before", () => {
      registry.remove(a.address, "static");
      const [first] = claim(a, 5);
      expect(ledger.placedSinceReport(a)).to.equal(0);
      first?.();
      registry.put(a);
      expect(ledger.placedSinceReport(a)).to.equal(0);
    });

    it("takes nothing back from who has come back meanwhile", () => {
      const [first] = claim(a, 1);
      registry.remove(a.address, "static");
      registry.put(a);
      claim(a, 1);
      first?.();
      expect(ledger.placedSinceReport(a)).to.equal(1);
    });
  });

  it("is right about what was placed since the report, whatever happens in which order", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seeded(seed);
      const desk = openDesk(clock, [a]);
      const claims: { atMs: number; takeBack: Cancellation }[] = [];
      let reportedMs = -Infinity;
      for (let step = 0; step < 400; step++) {
        const dice = random();
        if (dice < 0.5) claims.push({ atMs: clock.monotonic(), takeBack: desk.ledger.claim(a) });
        else if (dice < 0.65) {
          const [gone] = claims.splice(Math.floor(random() * claims.length), 1);
          gone?.takeBack();
        } else if (dice < 0.75) {
          const agoMs = Math.floor(random() * 3000);
          reportedMs = Math.max(reportedMs, clock.monotonic() - agoMs);
          desk.report(a, { atMs: reportedMs, channels: 1000 });
        } else await clock.elapse(Math.floor(random() * (FILLING_MS / 30)));

        const countedFromMs = Math.max(reportedMs, clock.monotonic() - FILLING_MS);
        const since = claims.filter(({ atMs }) => atMs > countedFromMs);
        expect(desk.ledger.placedSinceReport(a), `seed ${String(seed)}, step ${String(step)}`).to.equal(since.length);
      }
    }
  });
});
