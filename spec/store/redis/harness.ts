import { expect } from "chai";
import { type AuthKey, parseKey } from "../../../lib/auth/keys.ts";
import { Secret } from "../../../lib/auth/secret.ts";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import type { StoreSettings } from "../../../lib/config/config.ts";
import { type EventMap, Events } from "../../../lib/events.ts";
import { createRedisStore } from "../../../lib/store/redis.ts";
import type { Store } from "../../../lib/store/store.ts";
import { useCleanup } from "../../support/cleanup.ts";
import type { Patience } from "../../support/eventually.ts";
import { seeded } from "../../support/random.ts";
import type { RedisServer } from "../../support/redis-server.ts";
import { GATEWAY_KEY } from "../../support/tokens.ts";
import type { SharedStores } from "../stores.ts";

/** One gateway's end of the store, with all that it has told. */
export interface Instance extends Store {
  readonly told: Told;
}

/** By the events' names. */
export interface Told {
  readonly store: readonly EventMap["store"][];
  readonly storeCommand: readonly EventMap["storeCommand"][];
  readonly instances: readonly EventMap["instances"][];
  readonly unreadable: readonly EventMap["unreadable"][];
  readonly unexpected: readonly EventMap["unexpected"][];
}

export interface InstanceSetup {
  /** A port of loopback, or where else it is. */
  readonly at: number | StoreSettings["at"];
  readonly username?: string;
  readonly password?: string;
  /** Base64. */
  readonly keys?: readonly string[];
  readonly prefix?: string;
  readonly clock?: Clock;
  /** Before it is opened. */
  readonly listen?: (store: Store) => void;
  /** PEM; with one it is TLS. */
  readonly ca?: string;
  /** Whether its listeners may throw. */
  readonly throws?: boolean;
}

/** No store takes longer to close, in milliseconds, and to be opened. */
export const CLOSE_MS = 2000;

/** For what a store does by itself after a while: it heals, it finds that somebody has gone. */
export const BY_ITSELF: Patience = { patienceMs: 10_000, pauseMs: 5 };

/** What is done every second is done every tenth of one. */
export const HASTY_CLOCK: Clock = {
  ...systemClock,
  every: (intervalMs, run) => systemClock.every(intervalMs >= 1000 ? intervalMs / 10 : intervalMs, run),
};

/** A command's 100 ms, the stagger's 400 at the most, and what a busy machine adds. */
export const MOMENT_MS = 800;

/** Opens ends of a store, and closes each after its spec: in time, and without an error that nothing accounts for. */
export function useInstances(): (setup: InstanceSetup) => Promise<Instance> {
  const cleanUp = useCleanup();
  return async (setup) => {
    const {
      at,
      username = null,
      password,
      keys = [GATEWAY_KEY],
      prefix = "spec",
      clock = systemClock,
      ca,
      throws = false,
    } = setup;
    const events = new Events();
    const told: Told = {
      store: tellInto(events, "store"),
      storeCommand: tellInto(events, "storeCommand"),
      instances: tellInto(events, "instances"),
      unreadable: tellInto(events, "unreadable"),
      unexpected: tellInto(events, "unexpected"),
    };
    const store = createRedisStore({
      clock,
      random: seeded(++seeds),
      events,
      settings: {
        at: typeof at === "number" ? { kind: "single", host: { host: "127.0.0.1", port: at }, database: 0 } : at,
        isTls: ca !== undefined,
        username,
        prefix,
      },
      password: password === undefined ? null : new Secret(password),
      sentinelPassword: null,
      ca: ca ?? null,
      keys: () => keys.map(keyOf),
    });
    cleanUp(async () => {
      await within(CLOSE_MS, "close", store.close());
      if (!throws) expect(told.unexpected, "what nothing accounts for").to.deep.equal([]);
    });
    setup.listen?.(store);
    await within(CLOSE_MS + MOMENT_MS, "open", store.open());
    return { ...store, told };
  };
}

let seeds = 0;

function tellInto<Name extends keyof Told & keyof EventMap>(events: Events, name: Name): EventMap[Name][] {
  const told: EventMap[Name][] = [];
  events.on(name, (payload) => told.push(payload));
  return told;
}

const parsedKeys = new Map<string, AuthKey>();

/** The same object each time, as of a gateway whose configuration stays as it is. */
function keyOf(text: string): AuthKey {
  const key = parsedKeys.get(text) ?? parseKey(text);
  parsedKeys.set(text, key);
  return key;
}

/** @throws where it takes longer, on this machine's clock */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const startMs = systemClock.monotonic();
  const result = await work;
  const tookMs = systemClock.monotonic() - startMs;
  expect(tookMs, `${what}: took so many milliseconds`).to.be.at.most(limitMs);
  return result;
}

/** Two ends on servers that hold the one store between them. */
export async function shareRedis(
  open: (setup: InstanceSetup) => Promise<Instance>,
  servers: readonly RedisServer[],
  at: InstanceSetup["at"],
): Promise<SharedStores & { readonly stores: readonly [Instance, Instance] }> {
  let agedMs = 0;
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + agedMs };
  return {
    stores: [await open({ at, clock }), await open({ at, clock })],
    join: (listen) => open({ at, clock, listen }),
    async age(ms) {
      agedMs += ms;
      for (const server of servers) await ageHomes(server, ms);
    },
    // It does so by itself.
    pass: () => Promise.resolve(),
  };
}

async function ageHomes(server: RedisServer, ms: number): Promise<void> {
  for (const key of await keysOf(server, "*:home")) {
    const leftMs = Number(await server.ask("PTTL", key)) - ms;
    if (leftMs > 0) await server.ask("PEXPIRE", key, leftMs);
    else await server.ask("DEL", key);
  }
}

export async function keysOf(server: RedisServer, pattern: string): Promise<readonly string[]> {
  return (await server.ask("KEYS", pattern)) as readonly string[];
}

/** Everything that a reader of Redis sees, as one text. */
export async function dump(server: RedisServer): Promise<string> {
  const texts: unknown[] = [];
  for (const key of await keysOf(server, "*")) texts.push(key, await contentOf(server, key));
  return JSON.stringify(texts);
}

async function contentOf(server: RedisServer, key: string): Promise<unknown> {
  const kind = await server.ask("TYPE", key);
  switch (kind) {
    case "string":
      return server.ask("GET", key);
    case "hash":
      return server.ask("HGETALL", key);
    case "stream":
      return server.ask("XRANGE", key, "-", "+");
    case "zset":
      return server.ask("ZRANGE", key, 0, -1, "WITHSCORES");
    case "set":
      return server.ask("SMEMBERS", key);
    case "list":
      return server.ask("LRANGE", key, 0, -1);
    default:
      throw new Error(`${key} is a ${String(kind)}`);
  }
}
