import type { CallResult } from "./messages.ts";
import type { Observation } from "./play.ts";
import { closesPort, type FaultName } from "./scenarios.ts";

/** Milliseconds of some calls. One that brought no channel in time counts as {@link PATIENCE_MS}: a quick refusal is no merit. */
export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** What came of one scenario with one peer. */
export interface ScenarioResult {
  readonly fault: FaultName;
  /** How many of the three SFUs had it. */
  readonly victims: number;
  /** From the fault's beginning on, until the SFUs were used again. */
  readonly calls: number;
  readonly inTime: number;
  /** What the others got, how often. */
  readonly lost: Readonly<Record<string, number>>;
  /** Before it. */
  readonly healthy: Times;
  /** While it was on. */
  readonly during: Times;
  /** From {@link SETTLED_MS} after its beginning on; null where it was over by then. */
  readonly settled: Times | null;
  /** How often a call, or a probe where the port was closed, was sent to an SFU that had it. */
  readonly tries: number;
  /** After how long the SFUs that had it got at most {@link FEW} of the calls; null where they went on getting them. */
  readonly leftAfterMs: number | null;
  /** After how long all of them were used again; null where one was not in time, or was never left. */
  readonly backAfterMs: number | null;
  /** How far the callers were behind themselves, for 99 of 100 calls. */
  readonly callersLateMs: number;
}

/** As long as Odoo's (contract.md). */
export const PATIENCE_MS = 3000;

/** Who has a fault found out by then has no excuse (issue: p99 «from 3 s after its death on»). */
export const SETTLED_MS = 3000;

/** The trials by which an SFU is found to be well again are not «getting calls». */
const FEW = 0.01;

/** What is refused may have been a probe, of which a peer sends so many a second to each SFU, at the most. */
const PROBES_A_SECOND = 1;

/** With fewer calls to come than these seconds bring, nobody can tell whether the last was the last. */
const TAIL_MS = 1000;

export function columnsOf(seen: Observation): ScenarioResult {
  const { scenario, calls, brokenMs, healedMs, triesMs, backMs } = seen;
  const isHit = ({ dueMs, tookMs }: CallResult): boolean => dueMs + tookMs >= brokenMs;
  const before = calls.filter((call) => !isHit(call));
  const since = calls.filter(isHit);
  const during = since.filter(({ dueMs }) => dueMs < healedMs);
  const settled = during.filter(({ dueMs }) => dueMs >= brokenMs + SETTLED_MS);
  const lost: Record<string, number> = {};
  for (const { outcome } of since.filter((call) => !isInTime(call))) lost[outcome] = (lost[outcome] ?? 0) + 1;
  const leftAfterMs = leftAfter(seen);
  const isBack = leftAfterMs !== null && !backMs.includes(null);
  return {
    fault: scenario.fault,
    victims: scenario.victims.length,
    calls: since.length,
    inTime: since.filter(isInTime).length,
    lost,
    healthy: timesOf(before),
    during: timesOf(during),
    settled: settled.length === 0 ? null : timesOf(settled),
    tries: triesMs.length,
    leftAfterMs,
    backAfterMs: isBack ? Math.max(...backMs.map((ms) => ms ?? NaN)) - healedMs : null,
    callersLateMs: quantile(
      calls.map(({ lateMs }) => lateMs).toSorted((a, b) => a - b),
      0.99,
    ),
  };
}

function isInTime({ outcome, tookMs }: CallResult): boolean {
  return outcome === "channel" && tookMs <= PATIENCE_MS;
}

/** The longest of all spells of a fault that comes and goes. */
function leftAfter({ scenario, calls, triesMs, brokenMs, healedMs, spellMs }: Observation): number | null {
  const probesAMs = closesPort(scenario.fault) ? (PROBES_A_SECOND * scenario.victims.length) / 1000 : 0;
  const spells: (number | null)[] = [];
  for (let fromMs = brokenMs; fromMs + spellMs / 2 < healedMs; fromMs += 2 * spellMs) {
    const toMs = Math.min(fromMs + spellMs, healedMs);
    const within = (ms: number): boolean => ms >= fromMs && ms < toMs;
    const dueMs = calls.map((call) => call.dueMs).filter(within);
    const tries = triesMs.filter(within);
    /** From then on few of the calls that were still to come were tried there. */
    const quietMs = [fromMs, ...tries].find((ms) => {
      const [triesLeft, callsLeft] = [tries, dueMs].map((all) => all.filter((one) => one > ms).length) as [
        number,
        number,
      ];
      return triesLeft <= FEW * callsLeft + probesAMs * (toMs - ms);
    });
    spells.push(quietMs === undefined || quietMs >= toMs - TAIL_MS ? null : quietMs - fromMs);
  }
  return spells.includes(null) ? null : Math.max(...spells.map((ms) => ms ?? NaN));
}

export function timesOf(calls: readonly CallResult[]): Times {
  const sorted = calls.map((call) => (isInTime(call) ? call.tookMs : PATIENCE_MS)).toSorted((a, b) => a - b);
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), worstMs: sorted.at(-1) ?? NaN };
}

/** @param sorted upwards */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
