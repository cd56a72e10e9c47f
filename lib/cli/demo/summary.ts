import type { StoryRecord } from "./story.ts";

export interface DemoSummary {
  readonly seconds: number;
  readonly calls: number;
  readonly served: number;
  readonly slowestMs: number;
  readonly medianMs: number;
  readonly servedBy: Readonly<Record<string, number>>;
  readonly failovers: Readonly<Record<string, number>>;
  /** The states that each breaker went through after the first closed one. */
  readonly breakers: Readonly<Record<string, readonly string[]>>;
  readonly simultaneousJoins: number;
  readonly upstreamRequestsForThem: number;
}

export function summarise({ calls, transitions, failovers, together }: StoryRecord, durationMs: number): DemoSummary {
  const durations = calls.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const breakers: Record<string, string[]> = {};
  for (const { name, to } of transitions) (breakers[name] ??= []).push(to);
  return {
    seconds: Math.round(durationMs / 100) / 10,
    calls: calls.length,
    served: calls.filter(({ status }) => status === 200).length,
    slowestMs: Math.round(durations.at(-1) ?? 0),
    medianMs: Math.round(durations[Math.floor(durations.length / 2)] ?? 0),
    servedBy: count(calls.flatMap(({ by }) => by ?? [])),
    failovers: count(failovers),
    breakers,
    simultaneousJoins: together.joins,
    upstreamRequestsForThem: together.upstream,
  };
}

/** Every call got its channel, every breaker that opened has closed, one conference drew one request. */
export function isSuccess({ calls, served, breakers, upstreamRequestsForThem }: DemoSummary): boolean {
  const allClosed = Object.values(breakers).every((states) => states.at(-1) === "closed");
  return served === calls && allClosed && upstreamRequestsForThem === 1;
}

export function summaryLines(summary: DemoSummary): string[] {
  const counts = (record: Readonly<Record<string, number>>): string =>
    Object.entries(record)
      .map(([name, times]) => `${name} ${String(times)}`)
      .join(", ");
  const breakers = Object.entries(summary.breakers).map(
    ([name, states]) => `${name}: ${["closed", ...states].join(" → ")}`,
  );
  return [
    "",
    "Summary",
    `  calls served   ${String(summary.served)} of ${String(summary.calls)} (median ${String(summary.medianMs)} ms, slowest ${String(summary.slowestMs)} ms; Odoo gives up at 3000 ms)`,
    `  served by      ${counts(summary.servedBy)}`,
    `  failovers      ${counts(summary.failovers)}`,
    ...breakers.map((text, index) => `  ${index === 0 ? "breakers " : "         "}      ${text}`),
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
