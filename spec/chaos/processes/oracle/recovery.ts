import type { Call } from "../calls.ts";
import { overlaps, type Window } from "../fitness.ts";
import type { Seen } from "../stage.ts";
import { RECOVERY_MS } from "./limits.ts";

/** How a service came back after no SFU had been left, in milliseconds from the return of the first one. */
export interface Recovery {
  readonly firstChannelMs: number;
  /** 0 where none came any more. */
  readonly lastRefusalMs: number;
  /** Whether the machine kept somebody from running meanwhile. */
  readonly isStalled: boolean;
}

/** From every time at which nobody was left. Those that the scenario's end cut short are left out. */
export function recoveries({ calls, sfus, stalls }: Seen): readonly Recovery[] {
  const blackouts = intersection(sfus.map(({ fitness }) => fitness.outages));
  return blackouts.flatMap(({ toMs: backMs }, index) => {
    const nextMs = blackouts[index + 1]?.fromMs ?? Infinity;
    const ended = calls.filter(({ endedMs }) => endedMs >= backMs && endedMs < nextMs);
    const first = earliest(ended.filter(({ answer }) => answer.kind === "channel"));
    // The next came before anybody could be served.
    if (first === null) return [];
    const refusals = ended.filter(({ answer }) => answer.kind === "refusal");
    const lastMs = Math.max(backMs, ...refusals.map(({ endedMs }) => endedMs));
    return [
      {
        firstChannelMs: first - backMs,
        lastRefusalMs: lastMs - backMs,
        isStalled: overlaps(stalls, backMs - RECOVERY_MS, Math.max(first, lastMs)),
      },
    ];
  });
}

function earliest(calls: readonly Call[]): number | null {
  return calls.length === 0 ? null : Math.min(...calls.map(({ endedMs }) => endedMs));
}

/** When all were out at the same time, and have come back. */
function intersection(all: readonly (readonly Window[])[]): readonly Window[] {
  const [first = [], ...others] = all;
  const overlap = others.reduce<readonly Window[]>(
    (left, right) =>
      left.flatMap((a) =>
        right
          .map((b) => ({ ...a, fromMs: Math.max(a.fromMs, b.fromMs), toMs: Math.min(a.toMs, b.toMs) }))
          .filter(({ fromMs, toMs }) => fromMs < toMs),
      ),
    first,
  );
  return overlap.filter(({ toMs }) => toMs !== Infinity).toSorted((a, b) => a.fromMs - b.fromMs);
}
