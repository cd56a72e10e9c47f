import { type Clock, turnsOfTheLoop } from "../../clock.ts";
import { MAX_ASSIGNMENTS } from "../memory.ts";

/** Where a conference is, as far as this gateway knows. */
export interface Mirrored {
  readonly address: string;
  /** When the assignment ends, on the clock's monotonic scale. */
  readonly untilMs: number;
  /** Whether this gateway assigned it, and sees that the store has it. */
  readonly isOwn: boolean;
  /** Whether the store may not have it yet; `before` is where it then says that the conference is, null for nowhere. */
  readonly isPending: boolean;
  readonly before: string | null;
}

export type Identified = readonly [id: string, mirrored: Mirrored];

/** What is left of assignments where the store is away, by the id of the conference. Those of longest ago go first. */
export interface Mirror {
  /** The same object each time, until something else is set. */
  get(id: string): Mirrored | null;
  set(id: string, mirrored: Mirrored): void;
  /**
   * Those that this gateway assigned and that are not over, the newest first, so many at a time. Others have their turn in
   * between, so each is as it was when it was looked at.
   */
  own(which: (mirrored: Mirrored) => boolean, atOnce: number): AsyncGenerator<readonly Identified[]>;
  /** How many are not over. */
  size(): number;
}

/** Nobody hears how others prolong an assignment, so it is believed for longer than its TTL, in milliseconds. */
const SHORTEST_MEMORY_MS = 600_000;

/** A tenth of a millisecond. */
const LOOKED_AT_ONCE = 1000;

export function createMirror(clock: Clock): Mirror {
  // In the order of their last assignment. An LRU cache takes forty milliseconds to be walked through, a map one.
  const entries = new Map<string, Mirrored & { readonly forgottenMs: number }>();

  return {
    get(id) {
      const mirrored = entries.get(id);
      return mirrored === undefined || mirrored.forgottenMs <= clock.monotonic() ? null : mirrored;
    },
    set(id, mirrored) {
      const nowMs = clock.monotonic();
      const forgottenMs = nowMs + Math.max(2 * (mirrored.untilMs - nowMs), SHORTEST_MEMORY_MS);
      entries.delete(id);
      entries.set(id, { ...mirrored, forgottenMs });
      if (entries.size <= MAX_ASSIGNMENTS) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
    async *own(which, atOnce) {
      let some: Identified[] = [];
      for (const [index, id] of [...entries.keys()].reverse().entries()) {
        if (index % LOOKED_AT_ONCE === LOOKED_AT_ONCE - 1) await turnsOfTheLoop(1);
        const mirrored = entries.get(id);
        if (mirrored?.isOwn !== true || mirrored.untilMs <= clock.monotonic() || !which(mirrored)) continue;
        some.push([id, mirrored]);
        if (some.length < atOnce) continue;
        yield some;
        some = [];
      }
      if (some.length > 0) yield some;
    },
    size() {
      const nowMs = clock.monotonic();
      let count = 0;
      for (const { untilMs } of entries.values()) if (untilMs > nowMs) count++;
      return count;
    },
  };
}
