import type { SfuState, StoreState } from "../gateway-answers.ts";

/**
 * What matters most of an SFU, in a word or two: why it gets no new conferences, or else what is to be known of one
 * that does.
 */
export function standing({ out, available, state }: SfuState): string {
  if (out !== null) return out.replaceAll("_", " ");
  if (state === "failing" || state === "unknown") return state;
  return available ? "available" : state;
}

/** From what needs somebody most; {@link standing}'s words. */
const STANDINGS = [
  "misconfigured",
  "down",
  "expired",
  "breaker open",
  "on trial",
  "overloaded",
  "failing",
  "draining",
  "unknown",
  "available",
];

/** Lower is worse. A word of a later version may be anything, so it comes first. */
export function severity(sfu: SfuState): number {
  return STANDINGS.indexOf(standing(sfu));
}

/** `2 down, 1 draining`, the worst first. */
export function counts(sfus: readonly SfuState[]): string {
  const tally = new Map<string, number>();
  for (const sfu of sfus.toSorted((a, b) => severity(a) - severity(b))) {
    tally.set(standing(sfu), (tally.get(standing(sfu)) ?? 0) + 1);
  }
  return Array.from(tally, ([word, times]) => `${String(times)} ${word}`).join(", ");
}

/** How long, in its largest unit: `3 s`, `12 min`, `5 h`, `40 d`. */
export function duration(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 48 * 3600) return `${String(Math.floor(seconds / 3600))} h`;
  return `${String(Math.floor(seconds / 86_400))} d`;
}

/** `2026-01-05 08:30:00 UTC`. */
export function timeOfDay(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * What a drained SFU still carries. Conferences that it was given since its last report count: their sessions are
 * about to come.
 *
 * @returns null where it has not reported
 */
export function sessionsLeft({ load }: SfuState): number | null {
  return load === null ? null : load.sessions + Math.ceil(load.expected);
}

/** How far a drain has come. */
export function drainProgress(sfu: SfuState): string {
  if (sfu.load === null) return "draining, how many sessions are left is not known";
  if (sessionsLeft(sfu) === 0) return "drained: empty, can be stopped";
  const { sessions, expected } = sfu.load;
  const yetToCome = expected > 0 ? ", its last conferences are still filling" : "";
  return `draining, ${String(sessions)} ${sessions === 1 ? "session" : "sessions"} left${yetToCome}`;
}

/** Of gateways that share a store: how many there are, or that they cannot be reached. */
export function company({ away, forSeconds, instances }: StoreState): string {
  if (away)
    return `the other gateways have been out of reach for ${duration((forSeconds ?? 0) * 1000)}: each goes on by itself`;
  return instances === 1 ? "no other gateway shares its store" : `${String(instances)} gateways share a store`;
}
