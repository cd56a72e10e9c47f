import { systemClock } from "../../lib/clock.ts";
import type { CallResult, Connections } from "./messages.ts";
import type { Stage } from "./stage.ts";

/** What came of one rate, held for some seconds. */
export interface Phase {
  readonly connections: Connections;
  readonly perSecond: number;
  readonly results: readonly CallResult[];
  /** Calls that got a channel, for each second of the time, and for each second of the gateway's processor. */
  readonly goodput: number;
  readonly perProcessor: number;
  /** The longest delay of the gateway's event loop, in milliseconds. */
  readonly loopMs: number;
}

const PROCESSOR = "process_cpu_seconds_total";
const DELAY = "nodejs_eventloop_lag_max_seconds";

export async function runPhase(
  stage: Stage,
  connections: Connections,
  perSecond: number,
  seconds: number,
): Promise<Phase> {
  // Asking for it begins the next measurement, too.
  await stage.metric(DELAY);
  const before = await stage.metric(PROCESSOR);
  const startedMs = systemClock.monotonic();
  const results = await stage.call({ connections, perSecond, calls: Math.ceil(perSecond * seconds) });
  const tookS = (systemClock.monotonic() - startedMs) / 1000;
  const loopMs = (await stage.metric(DELAY)) * 1000;
  const processorS = (await stage.metric(PROCESSOR)) - before;
  const good = results.filter(({ status }) => status === 200).length;
  const goodput = good / Math.max(seconds, tookS);
  return { connections, perSecond, results, goodput, perProcessor: good / processorS, loopMs };
}

/** Its answers with this status took so long, in milliseconds: sorted. */
export function timesOf({ results }: Pick<Phase, "results">, status: number): readonly number[] {
  const those = results.filter((result) => result.status === status);
  return those.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** How far behind the callers were themselves, one time in a hundred. */
export function callersLateMs({ results }: Phase): number {
  return quantile(
    results.map(({ lateMs }) => lateMs).sort((a, b) => a - b),
    0.99,
  );
}

export function show(name: string, phase: Phase): string {
  const { connections, perSecond, results, goodput, perProcessor, loopMs } = phase;
  const share = (status: number): string =>
    `${((100 * results.filter((result) => result.status === status).length) / results.length).toFixed(0)} %`;
  const times = (status: number): string => {
    const sorted = timesOf(phase, status);
    if (sorted.length === 0) return "-";
    return [0.5, 0.99, 1].map((one) => quantile(sorted, one).toFixed(0)).join("/");
  };
  return [
    `${name.padEnd(9)} ${connections.padEnd(5)} ${perSecond.toFixed(0).padStart(5)}/s`,
    `served ${goodput.toFixed(0).padStart(4)}/s, ${perProcessor.toFixed(0).padStart(4)} a processor second, in ${times(200)} ms`,
    `turned away ${share(503)} in ${times(503)} ms`,
    `no answer ${share(0)}`,
    `loop ${loopMs.toFixed(0)} ms, callers ${callersLateMs(phase).toFixed(0)} ms late\n`,
  ].join(" | ");
}
