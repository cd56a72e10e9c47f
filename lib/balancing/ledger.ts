import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Report } from "../sfu/report.ts";
import type { Sfu } from "../sfu/sfu.ts";
import { ORDINARY_SIZE } from "../sfu/stats.ts";
import { Moments } from "./moments.ts";

/**
 * What has been placed on each SFU and does not show in its report yet. Reports are old: without this, all conferences
 * of the ten seconds between two of them would go to the SFU that looked best in the first.
 */
export interface Ledger {
  /**
   * Counts a conference as placed on an SFU, from the moment when it is asked.
   *
   * @param ageMs how long ago that was, where another gateway has, in milliseconds
   * @returns what takes it back
   */
  claim(sfu: Sfu, ageMs?: number): Cancellation;
  /** Conferences placed since the report. */
  placedSinceReport(sfu: Sfu): number;
  /** The sessions that are on their way to the SFU: of conferences placed since its report, and of those still filling. */
  expectedSessions(sfu: Sfu): number;
  /** The sessions of a conference, on average, as the reports of the whole fleet show it. */
  averageSize(): number;
}

/** Calling it again does nothing. */
export type Cancellation = () => void;

/** How long a conference takes to fill, in milliseconds: its members come one by one, evenly spread over this time. */
export const FILLING_MS = 60_000;

/** What is taken for the size of a conference before any report, and as how many reported conferences that counts. */
const USUAL_SIZE = 4;
const USUAL_SIZE_WEIGHT = 30;

interface Page {
  /** When conferences were placed; none longer ago than {@link FILLING_MS}. */
  readonly placed: Moments;
  /** How many of them the report cannot show. */
  sinceReport: number;
  /** How much is missing of the conferences that the report shows, in whole ones: 1 of one placed just before it. */
  stillToCome: number;
  /** What the report adds to the sums below. */
  sessions: number;
  filled: number;
}

/**
 * The correction is what jicofo does with its bridges' stress (reported, plus recent endpoints × the cost of one), taken
 * a step further: the cost of a conference is learned from the reports, and one that a report shows just after its
 * beginning, with its first member, still counts for those who are to come.
 */
export function createLedger(clock: Clock, events: Events, registry: Registry): Ledger {
  const pages = new Map<string, Page>();
  /** Over the reports of the whole fleet. */
  let sessions = 0;
  let filled = 0;

  const pageOf = ({ address }: Sfu): Page => {
    const present = pages.get(address);
    if (present !== undefined) return present;
    const page = { placed: new Moments(), sinceReport: 0, stillToCome: 0, sessions: 0, filled: 0 };
    // Whoever has left must not be remembered by an answer that comes in late.
    if (registry.get(address) !== null) pages.set(address, page);
    return page;
  };

  const sum = (page: Page, sign: 1 | -1): void => {
    sessions += sign * page.sessions;
    filled += sign * page.filled;
  };

  const read = (page: Page, { sessions: reported, channels, ordinarySessions, atMs }: Report): void => {
    page.placed.forgetUntil(atMs - FILLING_MS);
    const shown = page.placed.until(atMs);
    const toCome = shown.reduce((missing, placedMs) => missing + 1 - (atMs - placedMs) / FILLING_MS, 0);
    page.sinceReport = page.placed.count - shown.length;
    // What was placed may have ended, or never have begun: no more can be filling than there are.
    page.stillToCome = Math.min(toCome, channels);
    sum(page, -1);
    page.sessions = ordinarySessions ?? Math.min(reported, ORDINARY_SIZE * channels);
    page.filled = channels - page.stillToCome;
    sum(page, 1);
  };

  /** Where no report comes, what has filled by now is as good as reported. */
  const upToDate = (sfu: Sfu): Page | undefined => {
    const page = pages.get(sfu.address);
    if (page === undefined) return undefined;
    if (page.placed.count > 0) page.placed.forgetUntil(clock.monotonic() - FILLING_MS);
    page.sinceReport = Math.min(page.sinceReport, page.placed.count);
    page.stillToCome = Math.min(page.stillToCome, page.placed.count - page.sinceReport);
    return page;
  };

  const averageSize = (): number => (USUAL_SIZE * USUAL_SIZE_WEIGHT + sessions) / (USUAL_SIZE_WEIGHT + filled);

  events.on("report", ({ sfu, report }) => read(pageOf(sfu), report));
  events.on("sfuRemoved", ({ sfu }) => {
    const page = pages.get(sfu.address);
    if (page !== undefined) sum(page, -1);
    pages.delete(sfu.address);
  });

  return {
    claim(sfu, ageMs = 0) {
      const page = pageOf(sfu);
      const atMs = clock.monotonic() - ageMs;
      const report = registry.report(sfu);
      page.placed.add(atMs);
      if (ageMs === 0 || report === null || atMs > report.atMs) page.sinceReport++;
      // It shows in the report, and was not accounted for.
      else read(page, report);
      let isTakenBack = false;
      return () => {
        if (isTakenBack) return;
        isTakenBack = true;
        const later = page.placed.remove(atMs);
        // A report that came meanwhile has made its own reckoning.
        if (later !== null && page.sinceReport > later) page.sinceReport--;
      };
    },
    placedSinceReport: (sfu) => upToDate(sfu)?.sinceReport ?? 0,
    expectedSessions(sfu) {
      const page = upToDate(sfu);
      return page === undefined ? 0 : (page.sinceReport + page.stillToCome) * averageSize();
    },
    averageSize,
  };
}
