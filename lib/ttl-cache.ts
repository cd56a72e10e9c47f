import { LRUCache } from "lru-cache";
import type { Clock } from "./clock.ts";

/**
 * At most `max` entries, the least recently used leave first, none older than `ttlMs` milliseconds. Expiry costs no
 * timer: an old entry is found to be so when somebody asks for it.
 */
export function createTtlCache<Value extends object | string>(
  max: number,
  ttlMs: number,
  clock: Clock,
): LRUCache<string, Value> {
  return new LRUCache<string, Value>({
    max,
    ttl: ttlMs,
    ttlResolution: 0,
    // lru-cache takes an entry that was made at 0 for one that never expires.
    perf: { now: () => clock.monotonic() + 1 },
  });
}
