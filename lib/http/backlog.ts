import type { Clock } from "../clock.ts";

/** How many connections the kernel's queue holds, if the machine allows for so many (net.core.somaxconn): Node's default. */
export const QUEUE_LENGTH = 511;

/** The kernel's queue of connections that nobody has taken in yet. */
export interface Backlog {
  /** To be told of every connection as it is accepted. */
  connected(): void;
  /** For how long there has always been somebody in it, in milliseconds; 0 where it is empty. */
  standingMs(): number;
}

/**
 * libuv takes in one connection a turn of the event loop. So a turn that brought none has found the queue empty, and where
 * each brings one there is no end of it in sight.
 *
 * @param turn the number of the turn, `loopTurn` but for specs
 */
export function createBacklog(clock: Clock, turn: () => number): Backlog {
  let sinceMs = 0;
  let lastMs = 0;
  let lastTurn = -Infinity;
  return {
    connected() {
      const [nowMs, now] = [clock.monotonic(), turn()];
      if (now - lastTurn > 1) sinceMs = nowMs;
      lastMs = nowMs;
      lastTurn = now;
    },
    standingMs: () => (turn() - lastTurn > 1 ? 0 : lastMs - sinceMs),
  };
}
