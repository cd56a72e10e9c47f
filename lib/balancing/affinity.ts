import type { Entry, Patience, Store } from "../store/store.ts";

/** Conference → SFU, for as long as the configuration says. */
export interface Affinity {
  /** The address that the conference was last served by, or null where that is longer ago than the TTL. */
  find(conference: string): Promise<string | null>;
  /** See `Assignments.enter`. Whoever serves the conference in this turn is where the next members go. */
  enter(conference: string, patience: Patience): Promise<Entry>;
  /** How long an assignment holds, in milliseconds. */
  readonly ttlMs: number;
}

/** @param ttlMs 0 keeps no assignment at all */
export function createAffinity(ttlMs: number, { assignments }: Pick<Store, "assignments">): Affinity {
  // There may be assignments from before a reload.
  if (ttlMs > 0)
    return {
      ttlMs,
      find: (conference) => assignments.find(conference),
      enter: (...args) => assignments.enter(...args),
    };
  return {
    ttlMs,
    find: () => Promise.resolve(null),
    async enter(conference, patience) {
      const entry = await assignments.enter(conference, patience);
      return entry.kind === "turn" ? { ...entry, home: null } : entry;
    },
  };
}
