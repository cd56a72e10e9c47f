import type { Clock } from "../../clock.ts";
import { createTtlCache } from "../../ttl-cache.ts";
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

/** What is left of assignments where the store is away, by the id of the conference. The least recently used go first. */
export interface Mirror {
  get(id: string): Mirrored | null;
  set(id: string, mirrored: Mirrored): void;
  /** Those that this gateway assigned and that are not over, the newest first. */
  own(): readonly (readonly [id: string, mirrored: Mirrored])[];
  /** How many are not over. */
  size(): number;
}

/** Nobody hears how others prolong an assignment, so it is believed for longer than its TTL, in milliseconds. */
const SHORTEST_MEMORY_MS = 600_000;

export function createMirror(clock: Clock): Mirror {
  const cache = createTtlCache<Mirrored>(MAX_ASSIGNMENTS, null, clock);
  const isValid = ({ untilMs }: Mirrored): boolean => untilMs > clock.monotonic();
  return {
    get: (id) => cache.get(id) ?? null,
    set(id, mirrored) {
      const leftMs = mirrored.untilMs - clock.monotonic();
      cache.set(id, mirrored, { ttl: Math.max(2 * leftMs, SHORTEST_MEMORY_MS) });
    },
    own: () => [...cache.entries()].filter(([, mirrored]) => mirrored.isOwn && isValid(mirrored)),
    size() {
      let count = 0;
      for (const mirrored of cache.values()) if (isValid(mirrored)) count++;
      return count;
    },
  };
}
