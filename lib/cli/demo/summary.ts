import type { StoryRecord } from "./story.ts";

export interface DemoSummary {
  readonly seconds: number;
  readonly calls: number;
  readonly served: number;
  readonly slowestMs: number;
  readonly medianMs: number;
  readonly servedBy: Readonly<Record<string, number>>;
  readonly failovers: Readonly<Record<string, number>>;
  /** What each SFU that failed went through: its breaker's states, and being down and healthy. */
  readonly outages: Readonly<Record<string, readonly string[]>>;
  readonly stillOut: readonly string[];
  readonly simultaneousJoins: number;
  readonly upstreamRequestsForThem: number;
}

export function summarise(record: StoryRecord, durationMs: number): DemoSummary {
  const { calls, transitions, stillOut, failovers, together } = record;
  const durations = calls.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const outages: Record<string, string[]> = {};
  for (const { name, to } of transitions) (outages[name] ??= []).push(to.replace("_", "-"));
  return {
    seconds: Math.round(durationMs / 100) / 10,
    calls: calls.length,
    served: calls.filter(({ status }) => status === 200).length,
    slowestMs: Math.round(durations.at(-1) ?? 0),
    medianMs: Math.round(durations[Math.floor(durations.length / 2)] ?? 0),
    servedBy: count(calls.flatMap(({ by }) => by ?? [])),
    failovers: count(failovers),
    outages,
    stillOut,
    simultaneousJoins: together.joins,
    upstreamRequestsForThem: together.upstream,
  };
}

/** Every call got its channel, every SFU is back, one conference drew one request. */
export function isSuccess({ calls, served, stillOut, upstreamRequestsForThem }: DemoSummary): boolean {
  return served === calls && stillOut.length === 0 && upstreamRequestsForThem === 1;
}

export function summaryLines(summary: DemoSummary): string[] {
  const counts = (record: Readonly<Record<string, number>>): string =>
    Object.entries(record)
      .map(([name, times]) => `${name} ${String(times)}`)
      .join(", ");
  const outages = Object.entries(summary.outages).map(([name, states]) => `${name}: ${states.join(" → ")}`);
  return [
    "",
    "Summary",
    `  calls served   ${String(summary.served)} of ${String(summary.calls)} (median ${String(summary.medianMs)} ms, slowest ${String(summary.slowestMs)} ms; Odoo gives up at 3000 ms)`,
    `  served by      ${counts(summary.servedBy)}`,
    `  failovers      ${counts(summary.failovers)}`,
    ...outages.map((text, index) => `  ${index === 0 ? "outages  " : "         "}      ${text}`),
    `  one conference ${String(summary.simultaneousJoins)} simultaneous joins, requests to an SFU: ${String(summary.upstreamRequestsForThem)}`,
    `  it took        ${String(summary.seconds)} s`,
    isSuccess(summary) ? "\nEvery call got its channel." : "\nSomething went wrong: see above.",
  ];
}

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
