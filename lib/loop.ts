import type { Clock } from "./clock.ts";

/**
 * How busy the process is. Where the event loop waits, whatever had arrived has been read; for as long as it does not, something
 * has been waiting for it: a connection, a request, an SFU's answer. It is measured by whoever looks, at each request.
 */
export interface Loop {
  /** To be told that something is going on, as often as something is. */
  look(): void;
  /** Counts the busy stretches: another number is another stretch. */
  readonly stretch: number;
  /** How long the loop has been busy without a moment's rest, in milliseconds. Not counted is what stopped the process. */
  busyMs(): number;
  /** The longest busy stretch that has ended since `sinceMs` of the clock's monotonic scale, or goes on, in milliseconds. */
  longestSince(sinceMs: number): number;
}

/** Between two looks of a process that is busy with requests lie a few milliseconds; where it is more, it was stopped. */
const STOPPED_MS = 100;

/** Who is behind for less is not late (`isLate`), so shorter ones are not remembered, nor those of longer ago. */
const REMEMBERED_MS = 50;
const MEMORY_MS = 60_000;

interface Stretch {
  readonly endedMs: number;
  readonly lengthMs: number;
}

/** @param idleMs how long the loop has waited in all, `loopIdleMs` but for specs */
export function createLoop(clock: Clock, idleMs: () => number): Loop {
  let lastIdleMs = idleMs();
  let lastLookMs = clock.monotonic();
  let beganMs = lastLookMs;
  let stoppedMs = 0;
  let stretch = 0;
  /** Those that ended later, and were longer than all after them. */
  let long: Stretch[] = [];

  const remember = (lengthMs: number, endedMs: number): void => {
    if (lengthMs < REMEMBERED_MS) return;
    long = long.filter((one) => one.lengthMs > lengthMs && one.endedMs > endedMs - MEMORY_MS);
    long.push({ endedMs, lengthMs });
  };

  const look = (): void => {
    const nowMs = clock.monotonic();
    const idle = idleMs();
    const gapMs = nowMs - lastLookMs;
    const restedMs = idle - lastIdleMs;
    lastLookMs = nowMs;
    lastIdleMs = idle;
    if (restedMs > 0) {
      remember(nowMs - gapMs - beganMs + Math.max(0, gapMs - restedMs), nowMs);
      stretch++;
      beganMs = nowMs;
      stoppedMs = 0;
    } else if (gapMs > STOPPED_MS) stoppedMs += gapMs - STOPPED_MS;
  };

  return {
    look,
    get stretch() {
      return stretch;
    },
    busyMs: () => lastLookMs - beganMs - stoppedMs,
    longestSince(sinceMs) {
      look();
      return Math.max(lastLookMs - beganMs, long.find(({ endedMs }) => endedMs >= sinceMs)?.lengthMs ?? 0);
    },
  };
}
