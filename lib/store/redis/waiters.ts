import { type Clock, inTime } from "../../clock.ts";
import type { Placed } from "../store.ts";

/** Those who wait here for the end of somebody else's turn, by the id of the conference. */
export interface Waiters {
  /** From before the turn is asked for: its end may be heard sooner than the answer. */
  join(id: string): Waiter;
  /** @param placed what came of the turn, null for nothing */
  wake(id: string, placed: Placed | null, ageMs: number): void;
  /** The store is away, and nobody will hear of anything. */
  wakeAll(): void;
}

export interface Waiter {
  /**
   * Null where the turn brought nothing, or the time is up.
   *
   * @throws the reason of `signal` when that is aborted
   */
  ended(timeoutMs: number, signal: AbortSignal): Promise<Placed | null>;
  leave(): void;
}

/** How far the store's clock may be from what is thought of it. What ended before somebody came is no news to him. */
const SLACK_MS = 50;

interface Place {
  readonly sinceMs: number;
  readonly wake: (placed: Placed | null) => void;
}

export function createWaiters(clock: Clock): Waiters {
  const places = new Map<string, Set<Place>>();

  return {
    join(id) {
      const { promise, resolve } = Promise.withResolvers<Placed | null>();
      const place = { sinceMs: clock.monotonic(), wake: resolve };
      const here = places.get(id) ?? new Set<Place>();
      places.set(id, here.add(place));
      return {
        ended: (timeoutMs, signal) => inTime({ clock, timeoutMs, signal }, promise),
        leave() {
          here.delete(place);
          if (here.size === 0 && places.get(id) === here) places.delete(id);
        },
      };
    },
    wake(id, placed, ageMs) {
      const nowMs = clock.monotonic();
      for (const { sinceMs, wake } of places.get(id) ?? []) if (ageMs <= nowMs - sinceMs + SLACK_MS) wake(placed);
    },
    wakeAll() {
      for (const here of places.values()) for (const { wake } of here) wake(null);
    },
  };
}
