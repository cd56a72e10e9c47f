import type { Clock } from "../../clock.ts";

/** The clock of the store, which is the only one that all gateways have in common. */
export interface ServerTime {
  /** Milliseconds since the Unix epoch, as far as is known: by the machine's own clock until the store has told its own. */
  now(): number;
  /** @param askedMs when it was asked for, on this clock's monotonic scale: it is from between then and now */
  learn(nowMs: number, askedMs: number): void;
}

export function createServerTime(clock: Clock): ServerTime {
  let offsetMs: number | null = null;
  return {
    now: () => (offsetMs === null ? clock.now() : Math.round(clock.monotonic() + offsetMs)),
    learn(nowMs, askedMs) {
      // The quickest answers tell it most exactly; a slow one says no more than that it lies somewhere in between.
      const least = nowMs - clock.monotonic();
      const most = nowMs + 1 - askedMs;
      offsetMs = Math.min(most, Math.max(least, offsetMs ?? (least + most) / 2));
    },
  };
}
