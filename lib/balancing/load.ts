import type { Clock } from "../clock.ts";
import type { Config, Weights } from "../config/config.ts";
import type { Events } from "../events.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Report } from "../sfu/report.ts";
import type { Sfu } from "../sfu/sfu.ts";
import { MOST_READINGS_A_SECOND, ORDINARY_SIZE } from "../sfu/stats.ts";
import type { Ledger } from "./ledger.ts";

/** How loaded an SFU is, and what that is made of. Lower is better; 0 is idle, 1 about full. */
export interface Load {
  /** What each factor adds, weighted; null where the report does not tell it, and the others count for more. */
  readonly sessions: number | null;
  readonly cpu: number | null;
  readonly memory: number | null;
  /** What stands in for a report that there is not, or tells no factor that counts: the average of the others, else null. */
  readonly assumed: number | null;
  /** For the sessions that are on their way and do not show in the report. */
  readonly expected: number;
  /** All of it, divided by the SFU's weight. */
  readonly total: number;
}

export interface Loads {
  of(sfu: Sfu): Load;
  /** {@link Load.total} without the rest. */
  totalOf(sfu: Sfu): number;
  /**
   * What this conference would add to an SFU's total if it became a large one: nobody knows beforehand which one does,
   * and it is a small SFU that it would fill.
   */
  roomOf(sfu: Sfu): number;
  /** What rankings go by: the total and the room for this conference, of any SFU as it is at this moment. */
  scoring(): (sfu: Sfu) => number;
  /** What its report alone says, 0 where it is idle and 1 where it is full; the average of the others where it has none. */
  reportedOf(sfu: Sfu): number;
  /** What one more conference adds to an SFU's total. */
  costOf(sfu: Sfu): number;
  /** Sessions on their way that the report does not show. */
  expected(sfu: Sfu): number;
  /** The latest report while it is young enough to be believed. */
  report(sfu: Sfu): Report | null;
  /**
   * Why an SFU shall take no more conferences; null where it may.
   *
   * @param latest its report, for whoever has looked it up
   */
  overload(sfu: Sfu, latest?: Report | null): string | null;
}

export interface LoadTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly ledger: Ledger;
}

/** A report that is so many times older than the next one should have come is none any more. */
const MISSED_REPORTS = 3;

/**
 * How many sessions a conference may turn out to have that nobody would have expected of it: the most that still counts
 * as ordinary. Twice or half of it serves about as well (docs/balancing.md).
 */
const LARGE_SIZE = ORDINARY_SIZE;

interface Average {
  /** Of the reported factors. */
  readonly factor: number;
  /** Of the SFUs that tell them; null where none does. */
  readonly maxSessions: number | null;
}

/**
 * `total = (W × Σ wᵢ fᵢ ÷ Σ wᵢ + W × expected sessions ÷ max_sessions) ÷ weight`, where i runs over the factors that the
 * report tells (sessions ÷ max_sessions, cpu, memory) and W is the sum of all three weights. So a factor that is not told
 * is left out and the others are scaled up; and a session that is on its way raises every factor alike, for the SFU is
 * full at `max_sessions`, whatever it is that fills it.
 */
export function createLoads(initial: Config, { clock, events, registry, ledger }: LoadTools): Loads {
  let { weights, whole, maxAgeMs, limits } = settingsOf(initial);

  /** A fleet of thousands is read less often than it is set. */
  const slowestMs = (): number => (1000 * registry.all().length) / MOST_READINGS_A_SECOND;
  const isBelieved = ({ atMs }: Report, nowMs: number): boolean =>
    nowMs - atMs <= maxAgeMs || nowMs - atMs <= MISSED_REPORTS * slowestMs();
  const report = (sfu: Sfu, nowMs = clock.monotonic()): Report | null => {
    const latest = registry.report(sfu);
    return latest !== null && isBelieved(latest, nowMs) ? latest : null;
  };

  /** One that tells none of the factors that count says no more than none. */
  const telling = (sfu: Sfu, nowMs?: number): Report | null => {
    const latest = report(sfu, nowMs);
    return latest === null || weightOf(latest, weights) === 0 ? null : latest;
  };

  /** Of those who report; worked out again when a report has come. */
  let average: Average | null = null;
  events.on("report", () => (average = null));
  events.on("sfuChanged", () => (average = null));
  events.on("sfuRemoved", () => (average = null));
  events.on("reconfigured", ({ to }) => {
    ({ weights, whole, maxAgeMs, limits } = settingsOf(to));
    average = null;
  });
  const averageNow = (): Average => {
    if (average !== null) return average;
    const nowMs = clock.monotonic();
    return (average = averageOf(registry.all(), (sfu) => telling(sfu, nowMs), weights));
  };

  const expected = (sfu: Sfu): number => (whole * ledger.expectedSessions(sfu)) / sfu.maxSessions;
  const reported = (sfu: Sfu, latest: Report | null): number =>
    latest === null ? averageNow().factor : factorOf(sfu, latest, weights);
  const told = (sfu: Sfu, latest: Report | null): number => whole * reported(sfu, latest);
  const totalOf = (sfu: Sfu, latest: Report | null): number => (told(sfu, latest) + expected(sfu)) / sfu.weight;
  const roomOf = (sfu: Sfu, latest: Report | null): number => {
    // One whose load is taken to be the average is average in size too, or it would look emptier than its like.
    const size = latest === null ? (averageNow().maxSessions ?? sfu.maxSessions) : sfu.maxSessions;
    return (whole * LARGE_SIZE) / size / sfu.weight;
  };

  return {
    report: (sfu) => report(sfu),
    expected: (sfu) => ledger.expectedSessions(sfu),
    totalOf: (sfu) => totalOf(sfu, telling(sfu)),
    roomOf: (sfu) => roomOf(sfu, telling(sfu)),
    scoring() {
      const nowMs = clock.monotonic();
      return (sfu) => {
        const latest = telling(sfu, nowMs);
        return totalOf(sfu, latest) + roomOf(sfu, latest);
      };
    },
    reportedOf: (sfu) => reported(sfu, telling(sfu)),
    costOf: (sfu) => (whole * ledger.averageSize()) / sfu.maxSessions / sfu.weight,

    of(sfu) {
      const latest = telling(sfu);
      const parts = latest === null ? NOTHING_TOLD : partsOf(sfu, latest, weights);
      const sum = latest === null ? 1 : weightOf(latest, weights);
      // In this order: of the smallest of weights the reciprocal is infinite.
      const scaled = (part: number | null): number | null => (part === null ? null : whole * (part / sum));
      return {
        sessions: scaled(parts.sessions),
        cpu: scaled(parts.cpu),
        memory: scaled(parts.memory),
        assumed: latest === null ? whole * averageNow().factor : null,
        expected: expected(sfu),
        total: totalOf(sfu, latest),
      };
    },

    overload(sfu, latest = registry.report(sfu)) {
      if (latest === null) return null;
      const reason = overloadOf(sfu, latest, ledger.placedSinceReport(sfu), limits);
      // Nearly always there is none, and the time need not be asked for.
      return reason !== null && isBelieved(latest, clock.monotonic()) ? reason : null;
    },
  };
}

interface LoadSettings {
  readonly weights: Weights;
  /** The sum of those of the three factors. */
  readonly whole: number;
  /** How old a report may be to be believed. */
  readonly maxAgeMs: number;
  readonly limits: Config["overload"];
}

function settingsOf({ balancing: { weights }, health, registration, overload }: Config): LoadSettings {
  return {
    weights,
    whole: weights.sessions + weights.cpu + weights.memory,
    maxAgeMs: Math.max(MISSED_REPORTS * health.statsIntervalMs, registration.ttlMs),
    limits: overload,
  };
}

const NOTHING_TOLD = { sessions: null, cpu: null, memory: null };

function partsOf(
  sfu: Sfu,
  { sessions, cpu, memory }: Report,
  weights: Weights,
): Pick<Load, "sessions" | "cpu" | "memory"> {
  return {
    sessions: (weights.sessions * sessions) / sfu.maxSessions,
    cpu: cpu === null ? null : weights.cpu * cpu,
    memory: memory === null ? null : weights.memory * memory,
  };
}

/** The sum of the weights of what a report tells. */
function weightOf({ cpu, memory }: Report, weights: Weights): number {
  return weights.sessions + (cpu === null ? 0 : weights.cpu) + (memory === null ? 0 : weights.memory);
}

/** The weighted mean of the factors that a report tells, of which one counts at least; from 0 to about 1. */
function factorOf(sfu: Sfu, report: Report, weights: Weights): number {
  const { sessions, cpu, memory } = report;
  const sum =
    (weights.sessions * sessions) / sfu.maxSessions + weights.cpu * (cpu ?? 0) + weights.memory * (memory ?? 0);
  return sum / weightOf(report, weights);
}

function averageOf(sfus: readonly Sfu[], telling: (sfu: Sfu) => Report | null, weights: Weights): Average {
  let sum = 0;
  let capacity = 0;
  let count = 0;
  for (const sfu of sfus) {
    const latest = telling(sfu);
    if (latest === null) continue;
    sum += factorOf(sfu, latest, weights) * sfu.maxSessions;
    capacity += sfu.maxSessions;
    count++;
  }
  return count === 0 ? { factor: 0, maxSessions: null } : { factor: sum / capacity, maxSessions: capacity / count };
}

/**
 * By what the report says and no forecast, for a forecast is no reason to turn a call away; a conference that was placed
 * since has one session at least.
 */
function overloadOf(
  sfu: Sfu,
  report: Report,
  placedSince: number,
  { maxCpu, maxMemory, maxSessionsRatio }: Config["overload"],
): string | null {
  const { cpu, memory } = report;
  if (cpu !== null && cpu > maxCpu) return `is overloaded: cpu at ${percent(cpu)}, of at most ${percent(maxCpu)}`;
  if (memory !== null && memory > maxMemory) {
    return `is overloaded: memory at ${percent(memory)}, of at most ${percent(maxMemory)}`;
  }
  const sessions = report.sessions + placedSince;
  const most = maxSessionsRatio * sfu.maxSessions;
  return sessions >= most
    ? `is overloaded: ${String(sessions)} sessions, of at most ${String(Math.floor(most))}`
    : null;
}

function percent(share: number): string {
  return `${String(Math.round(share * 1000) / 10)} %`;
}
