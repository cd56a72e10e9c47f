import pLimit from "p-limit";
import { parseKey } from "../../lib/auth/keys.ts";
import { systemClock, systemRandom } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { createRedisStore } from "../../lib/store/redis.ts";
import { startRedis } from "../../spec/support/redis-server.ts";
import { GATEWAY_KEY } from "../../spec/support/tokens.ts";

export interface Filled {
  /** What Redis and this process have more than before. */
  readonly redisBytes: number;
  readonly heapBytes: number;
  /** Turns begun and ended in a second. */
  readonly commandsPerSecond: number;
}

const AT_A_TIME = 64;
const TTL_MS = 3_600_000;

/** One gateway's store, and so many conferences that are new to it. */
export async function fill(conferences: number): Promise<Filled> {
  const redis = await startRedis(['save ""', "appendonly no"]);
  const store = createRedisStore({
    clock: systemClock,
    random: systemRandom,
    events: new Events(),
    settings: {
      at: { kind: "single", host: { host: "127.0.0.1", port: redis.port }, database: 0 },
      isTls: false,
      username: null,
      prefix: "sfu-gateway",
    },
    password: null,
    sentinelPassword: null,
    ca: null,
    keys: () => [parseKey(GATEWAY_KEY)],
  });
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
    // The journal has its full length after these: it belongs to the gateways, not to the conferences.
    const before = 25_000;
    await placeAll(0, before);
    globalThis.gc?.();
    const [redisBefore, heapBefore] = [await usedMemory(), process.memoryUsage().heapUsed];
    const beganMs = systemClock.monotonic();
    await placeAll(before, before + conferences);
    const tookS = (systemClock.monotonic() - beganMs) / 1000;
    globalThis.gc?.();
    return {
      redisBytes: (await usedMemory()) - redisBefore,
      heapBytes: process.memoryUsage().heapUsed - heapBefore,
      commandsPerSecond: conferences / tookS,
    };
  } finally {
    await store.close();
    await redis.end();
  }
}
