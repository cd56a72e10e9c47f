import { lookup } from "node:dns/promises";
import pLimit from "p-limit";
import { type Clock, withDeadline } from "../../clock.ts";
import { createTtlCache } from "../../ttl-cache.ts";

/** All addresses that a name has now; rejects with the system's error where it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** As a connection would resolve it: the hosts file and the system's settings count. */
export const systemResolve: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/** So many heartbeats name the same few hosts. */
const REMEMBER_MS = 60_000;

/** Twice what can be registered. */
const MAX_NAMES = 20_000;

/** How long somebody who waits for a heartbeat's answer may be kept waiting for DNS. */
const PATIENCE_MS = 1000;

/** Lookups share their few threads with those of the calls, so they take one and no more. */
const AT_A_TIME = 1;
const MAX_WAITING = 1000;

/**
 * As `resolve`, remembered for a minute, and empty where the name does not resolve within a second. What depends on the
 * answer has to be checked again when a connection is made.
 */
export function createResolver(clock: Clock, resolve: Resolve): Resolve {
  const limit = pLimit(AT_A_TIME);
  const remembered = createTtlCache<Promise<readonly string[]>>(MAX_NAMES, REMEMBER_MS, clock);

  const ask = (name: string): Promise<readonly string[]> => {
    const present = remembered.get(name);
    if (present !== undefined) return present;
    if (limit.pendingCount >= MAX_WAITING) return Promise.resolve([]);
    const asked = limit(() => resolve(name)).catch(() => []);
    remembered.set(name, asked);
    return asked;
  };

  return (name) => {
    const onTimeout = (): Error => new Error("the name was not resolved in time");
    return withDeadline({ clock, timeoutMs: PATIENCE_MS, onTimeout }, () => ask(name)).catch(() => []);
  };
}
