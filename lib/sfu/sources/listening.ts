import type { Clock } from "../../clock.ts";

/**
 * Milliseconds in which an SFU could be heard: a TTL runs in these alone. To be asked every `intervalMs`, or more often.
 */
export interface Listening {
  /** By this gateway: it was there. While it is stopped, or its host is, that is nobody's silence. */
  here(): number;
  /** By any gateway: it was there, and could hear what the others had heard. */
  anywhere(): number;
}

/** @param isAway whether the other gateways cannot be heard now */
export function createListening(clock: Clock, intervalMs: number, isAway: () => boolean): Listening {
  let lastMs = clock.monotonic();
  let wasAway = isAway();
  let stoppedMs = 0;
  let awayMs = 0;

  const look = (): number => {
    const nowMs = clock.monotonic();
    const passedMs = nowMs - lastMs;
    const lateMs = passedMs - intervalMs;
    const lostMs = lateMs > intervalMs ? lateMs : 0;
    const isAwayNow = isAway();
    stoppedMs += lostMs;
    // When exactly it went, or came back, is not known.
    if (wasAway || isAwayNow) awayMs += passedMs - lostMs;
    lastMs = nowMs;
    wasAway = isAwayNow;
    return nowMs - stoppedMs;
  };

  return {
    here: look,
    anywhere: () => look() - awayMs,
  };
}
