import pLimit from "p-limit";
import { parseKey } from "../../lib/auth/keys.ts";
import { systemClock, systemRandom, turnsOfTheLoop } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { createRedisStore } from "../../lib/store/redis.ts";
import { createKeys } from "../../lib/store/redis/keys.ts";
import type { Store } from "../../lib/store/store.ts";
import { storeOn } from "../../spec/support/redis.ts";
import { startRedis } from "../../spec/support/redis-server.ts";
import { GATEWAY_KEY } from "../../spec/support/tokens.ts";

export interface Filled {
  /** What Redis has more than before. */
  readonly redisBytes: number;
  /** Of that Redis: the journal at its full length, which belongs to the gateways and not to the conferences. */
  readonly journalBytes: number;
  /** What this process has more than before, for so many conferences that the store remembers. */
  readonly heapBytes: number;
  readonly remembered: number;
  /** Turns begun and ended in a second. */
  readonly commandsPerSecond: number;
}

const AT_A_TIME = 64;
const TTL_MS = 3_600_000;

/** The journal has its full length after so many. */
const BEFORE = 25_000;

/** One gateway's store, and so many conferences that are new to it. Heaps are compared after `--expose-gc` alone. */
export async function fill(conferences: number): Promise<Filled> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("the heap is measured with --expose-gc");
  const heapUsed = async (): Promise<number> => {
    // What the first one finds may hold on to more.
    for (let round = 0; round < 3; round++) {
      await gc({ execution: "async", type: "major" });
      await turnsOfTheLoop(2);
    }
    return process.memoryUsage().heapUsed;
  };
  const redis = await startRedis(['save ""', "appendonly no"]);
  const key = parseKey(GATEWAY_KEY);
  const settings = storeOn(redis.port);
  const create = (): Store =>
    createRedisStore({
      clock: systemClock,
      random: systemRandom,
      events: new Events(),
      settings,
      password: null,
      sentinelPassword: null,
      ca: null,
      keys: () => [key],
    });
  // So that the client's code is there before anything is measured.
  const first = create();
  await first.open();
  await first.close();
  const heapBefore = await heapUsed();
  const store = create();
  try {
    await store.open();
    const place = async (number: number): Promise<void> => {
      const conference = `https://odoo.example.com:channel:${String(number)}`;
      const patience = { signal: new AbortController().signal, timeoutMs: 1000 };
      const entry = await store.assignments.enter(conference, patience);
      if (entry.kind !== "turn" || !entry.isShared) throw new Error("the Redis could not keep up");
      const address = `http://10.0.0.${String(1 + (number % 20))}:8070`;
      const channel = { uuid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`, url: address };
      await entry.end({ address, channel, ttlMs: TTL_MS });
    };
    const usedMemory = async (): Promise<number> =>
      Number(/^used_memory:(\d+)/m.exec(String(await redis.ask("INFO", "memory")))?.[1]);
    const limit = pLimit(AT_A_TIME);
    const placeAll = (from: number, to: number): Promise<unknown> =>
      Promise.all(Array.from({ length: to - from }, (_, index) => limit(() => place(from + index))));
    await placeAll(0, BEFORE);
    const redisBefore = await usedMemory();
    const beganMs = systemClock.monotonic();
    await placeAll(BEFORE, BEFORE + conferences);
    const tookS = (systemClock.monotonic() - beganMs) / 1000;
    return {
      redisBytes: (await usedMemory()) - redisBefore,
      journalBytes: Number(await redis.ask("MEMORY", "USAGE", createKeys(settings.prefix).journal, "SAMPLES", 0)),
      heapBytes: (await heapUsed()) - heapBefore,
      remembered: store.assignments.size(),
      commandsPerSecond: conferences / tookS,
    };
  } finally {
    await store.close();
    await redis.end();
  }
}
