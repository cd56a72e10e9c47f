import type { Clock } from "./clock.ts";

/** What is cheaper than this, in milliseconds, is made anew for everybody. */
const CHEAP_MS = 10;

/** So much of the time at most goes into making it. */
const SHARE = 0.1;

/**
 * For what anybody may ask for, and what a large fleet makes expensive: who asks while it is being made waits for that
 * one, and who asks soon after gets it as it is, the longer the more it has cost. So asking more often costs no more.
 *
 * @returns what `make` does; rejects with what it throws, which nobody shares who comes later
 */
export function shareCost<T>(clock: Clock, make: () => T | Promise<T>): () => Promise<T> {
  let made: { readonly result: Promise<T>; freshUntilMs: number } | null = null;
  return () => {
    const startedMs = clock.monotonic();
    if (made !== null && startedMs < made.freshUntilMs) return made.result;
    const result = Promise.resolve().then(make);
    const latest = { result, freshUntilMs: Infinity };
    made = latest;
    result.then(
      () => {
        const endedMs = clock.monotonic();
        const tookMs = endedMs - startedMs;
        latest.freshUntilMs = tookMs < CHEAP_MS ? endedMs : endedMs + tookMs / SHARE - tookMs;
      },
      () => (latest.freshUntilMs = 0),
    );
    return result;
  };
}
