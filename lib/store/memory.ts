import type { Clock } from "../clock.ts";
import { createTtlCache } from "../ttl-cache.ts";
import type { Store, Table } from "./store.ts";

/** Bounds the memory, at about 300 bytes each; the least recently used ones go first. */
const MAX_ASSIGNMENTS = 100_000;

/** An operator drains one SFU at a time, by hand. */
const MAX_DRAINS = 100_000;

/** The store of a single gateway, gone with its process. */
export function createMemoryStore(clock: Clock): Store {
  return {
    isDurable: false,
    assignments: createMemoryTable(clock, MAX_ASSIGNMENTS),
    drains: createMemoryTable(clock, MAX_DRAINS),
    close: () => Promise.resolve(),
  };
}

/** @param max how many it holds; the least recently used ones make room */
export function createMemoryTable(clock: Clock, max: number): Table {
  const cache = createTtlCache<string>(max, null, clock);
  const put = (name: string, value: string, ttlMs: number | null): void => {
    cache.set(name, value, { ttl: ttlMs ?? 0 });
  };
  // Nothing is awaited in any of them, so each is atomic.
  return {
    get: (name) => Promise.resolve(cache.get(name) ?? null),
    set(name, value, ttlMs) {
      put(name, value, ttlMs);
      return Promise.resolve();
    },
    setIfAbsent(name, value, ttlMs) {
      const present = cache.get(name);
      if (present === undefined) put(name, value, ttlMs);
      return Promise.resolve(present ?? value);
    },
    compareAndSet(name, expected, value, ttlMs) {
      const isExpected = cache.get(name) === expected;
      if (isExpected) put(name, value, ttlMs);
      return Promise.resolve(isExpected);
    },
    delete(name) {
      cache.delete(name);
      return Promise.resolve();
    },
    all: () => Promise.resolve(new Map(cache.entries())),
    size() {
      cache.purgeStale();
      return Promise.resolve(cache.size);
    },
  };
}
