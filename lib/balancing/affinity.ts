import type { Clock } from "../clock.ts";
import { createTtlCache } from "../ttl-cache.ts";

/** Conference → SFU: where the members of a call that is still young are, so that the next one gets there too. */
export interface Affinity {
  /** The address that the conference was last served by, or null where that is longer ago than the TTL. */
  get(conference: string): string | null;
  /** Begins the TTL anew. */
  assign(conference: string, address: string): void;
  /** How many assignments are alive. */
  size(): number;
}

/** Bounds the memory, at about 300 bytes each; the least recently used ones go first. */
const MAX_ASSIGNMENTS = 100_000;

/** @param ttlMs 0 keeps no assignment at all */
export function createAffinity(ttlMs: number, clock: Clock): Affinity {
  const assignments = createTtlCache<string>(MAX_ASSIGNMENTS, Math.max(1, ttlMs), clock);
  return {
    get: (conference) => assignments.get(conference) ?? null,
    assign(conference, address) {
      if (ttlMs > 0) assignments.set(conference, address);
    },
    size() {
      assignments.purgeStale();
      return assignments.size;
    },
  };
}
