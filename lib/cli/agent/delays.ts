import type { Random } from "../../clock.ts";

/** How much earlier or later than the interval a heartbeat may come, as a share of it. */
const JITTER = 0.1;

const FIRST_BACKOFF_MS = 1000;

/** Whole milliseconds from one heartbeat to the next, so spread that a fleet that was started together does not beat as one. */
export function jittered(intervalMs: number, random: Random): number {
  return Math.round(intervalMs * (1 - JITTER + 2 * JITTER * random()));
}

/** The most that {@link jittered} makes of it. */
export function longest(intervalMs: number): number {
  return intervalMs * (1 + JITTER);
}

/**
 * How many milliseconds to wait after so many failures in a row, from 1: exponential, with full jitter (M. Brooker, "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015), so that a gateway that comes back is not met by all at once. Never
 * longer than the interval: until it hears of them again, such a gateway may have no SFU at all.
 */
export function backoff(failures: number, intervalMs: number, random: Random): number {
  const cap = Math.max(intervalMs, FIRST_BACKOFF_MS);
  return Math.round(random() * Math.min(cap, FIRST_BACKOFF_MS * 2 ** (failures - 1)));
}
