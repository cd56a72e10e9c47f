import type { Call } from "./calls.ts";
import { overlapMs, type Window } from "./fitness.ts";
import type { Judgement } from "./oracle/judgement.ts";
import type { Seen } from "./stage.ts";

/** One line of the table. Times in milliseconds. */
export interface Row {
  readonly scenario: string;
  readonly calls: number;
  readonly served: number;
  /** 503 while no SFU could serve. */
  readonly nobody: number;
  /** 503 within three seconds of an SFU's return. */
  readonly justBack: number;
  /** 503 while as many had just died as a call may ask. */
  readonly tooMany: number;
  /** Nobody listened: the gateway was being restarted. */
  readonly away: number;
  /** Excused by a machine that did not let somebody run. */
  readonly stalled: number;
  /** Of the time, in percent: when somebody was kept from running. */
  readonly starvedPercent: number;
  readonly wrong: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly failovers: number;
  /** The slowest return of the service; null where it was never away. */
  readonly firstChannelMs: number | null;
  readonly lastRefusalMs: number | null;
}

export function rowOf(
  { scenario, calls, stalls, failovers }: Seen,
  { counts, tookMs, recoveries, violations }: Judgement,
): Row {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const slowest = (of: (recovery: Judgement["recoveries"][number]) => number): number | null =>
    recoveries.length === 0 ? null : Math.max(...recoveries.map(of));
  return {
    scenario: scenario.name,
    calls: calls.length,
    served: counts.served,
    nobody: counts.nobody,
    justBack: counts.just_back,
    tooMany: counts.too_many,
    away: counts.gateway_away,
    stalled: counts.stalled,
    starvedPercent: starvedPercent(calls, stalls),
    wrong: violations.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: sorted.at(-1) ?? 0,
    failovers,
    firstChannelMs: slowest(({ firstChannelMs }) => firstChannelMs),
    lastRefusalMs: slowest(({ lastRefusalMs }) => lastRefusalMs),
  };
}

function starvedPercent(calls: readonly Call[], stalls: readonly Window[]): number {
  const fromMs = Math.min(...calls.map(({ begunMs }) => begunMs));
  const toMs = Math.max(...calls.map(({ endedMs }) => endedMs));
  return Math.min(100, (overlapMs(stalls, fromMs, toMs) / (toMs - fromMs)) * 100);
}

export const COLUMNS = [
  "scenario",
  "calls",
  "200",
  "503: nobody fit",
  "503: just back",
  "503: too many died",
  "gateway away",
  "stalled",
  "starved %",
  "wrong",
  "p50 ms",
  "p99 ms",
  "max ms",
  "failovers",
  "first 200 after ms",
  "last 503 after ms",
] as const;

/** As text, in the order of {@link COLUMNS}. */
export function cellsOf(row: Row): readonly string[] {
  const whole = (value: number | null): string => (value === null ? "" : value.toFixed(0));
  const { calls, served, nobody, justBack, tooMany, away, stalled, wrong, failovers } = row;
  return [
    row.scenario,
    ...[calls, served, nobody, justBack, tooMany, away, stalled].map(String),
    whole(row.starvedPercent),
    String(wrong),
    row.p50Ms.toFixed(1),
    ...[row.p99Ms, row.maxMs].map(whole),
    String(failovers),
    whole(row.firstChannelMs),
    whole(row.lastRefusalMs),
  ];
}

/** Who was out when, in seconds from the first call on. */
export function historyOf({ calls, sfus, gateway, stalls }: Seen): readonly string[] {
  const startMs = Math.min(...calls.map(({ begunMs }) => begunMs));
  const at = (ms: number): string => ((ms - startMs) / 1000).toFixed(2);
  const of = (who: string, windows: readonly Window[]): string =>
    `${who} was out: ${windows.map(({ fromMs, toMs, why }) => `${at(fromMs)} to ${at(toMs)} s (${why})`).join(", ")}`;
  return [
    ...sfus.map(({ address, fitness }) => of(address, fitness.outages)),
    of("the gateway", gateway.fitness.outages),
    of("one or the other", stalls),
  ];
}
