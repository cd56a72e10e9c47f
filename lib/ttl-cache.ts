import { LRUCache } from "lru-cache";
import type { Clock } from "./clock.ts";

/**
 * At most `max` entries, the least recently used leave first. Expiry costs no timer: an old entry is found to be so when
 * somebody asks for it.
 *
 * @param ttlMs how long an entry lives, in milliseconds; null where each brings its own, 0 for one that has none
 */
export function createTtlCache<Value extends object | string>(
  max: number,
  ttlMs: number | null,
  clock: Clock,
): LRUCache<string, Value> {
  return new LRUCache<string, Value>({
    max,
    ttl: ttlMs ?? 0,
    ttlResolution: 0,
    // lru-cache takes an entry that was made at 0 for one that never expires.
    perf: { now: () => clock.monotonic() + 1 },
  });
}
