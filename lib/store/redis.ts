import { randomBytes } from "node:crypto";
import { getCACertificates } from "node:tls";
import type { AuthKey } from "../auth/keys.ts";
import type { Secret } from "../auth/secret.ts";
import { type Clock, inTime, type Random } from "../clock.ts";
import type { StoreSettings } from "../config/config.ts";
import { toError } from "../errors.ts";
import type { Events } from "../events.ts";
import { createAssignments } from "./redis/assignments.ts";
import { createAttendance } from "./redis/attendance.ts";
import { createBoard } from "./redis/board.ts";
import type { Access } from "./redis/connection.ts";
import { createInstances } from "./redis/instances.ts";
import { createJournal, type Entry } from "./redis/journal.ts";
import { createKeys } from "./redis/keys.ts";
import { createLink } from "./redis/link.ts";
import { createMirror } from "./redis/mirror.ts";
import { createNews } from "./redis/news.ts";
import { call, TELL } from "./redis/scripts.ts";
import { createSeal } from "./redis/seal.ts";
import { createServerTime } from "./redis/server-time.ts";
import { createWaiters } from "./redis/waiters.ts";
import { type Store, TOPICS } from "./store.ts";

export interface RedisStoreTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly settings: StoreSettings;
  readonly password: Secret | null;
  readonly sentinelPassword: Secret | null;
  /** Certificates of authorities that count beside the system's, PEM; null for none. */
  readonly ca: string | null;
  /** The gateway's keys, which may change: what is stored is sealed with them. */
  readonly keys: () => readonly AuthKey[];
}

/** For everything that has to be there before the first call, in milliseconds. */
const OPEN_MS = 2000;

/** At most so often it is said that something cannot be read, in milliseconds. */
const UNREADABLE_MS = 60_000;

/**
 * The store of several gateways, on Redis or what speaks like it. Whatever happens to Redis costs the calls of that moment
 * 100 ms: from then on the store is away, and each gateway goes by what it knows itself; it tells the others when Redis is back.
 *
 * - Redis is slow or hangs, refuses writes, or cannot be reached: away; gateways agree by the same lots, and a call that begins waits
 *   up to 0.4 s for its turn.
 * - One gateway alone cannot reach it: a few seconds later the others, who miss it, go by lots as well.
 * - It is emptied, or has lost its last writes in a failover: each gateway posts again what it knows, within two seconds.
 * - A gateway dies: those who wait for its turn wait half a second more; after three it is no instance any more.
 */
export function createRedisStore(tools: RedisStoreTools): Store {
  const { clock, random, events, settings, password, sentinelPassword, ca } = tools;
  const instance = randomBytes(6).toString("hex");
  const keys = createKeys(settings.prefix);
  const seal = createSeal(tools.keys);
  const time = createServerTime(clock);
  const mirror = createMirror(clock);
  const waiters = createWaiters(clock);

  let unreadableMs = -Infinity;
  const onUnreadable = (what: string): void => {
    if (clock.monotonic() - unreadableMs < UNREADABLE_MS) return;
    unreadableMs = clock.monotonic();
    events.emit("unreadable", { what });
  };
  const onError = (error: unknown): void =>
    events.emit("unexpected", { where: "a listener to the store", error: toError(error) });

  const authorities = settings.isTls ? [...getCACertificates("default"), ...(ca === null ? [] : [ca])] : null;
  const access: Access = {
    username: settings.username,
    password,
    database: settings.at.kind === "cluster" ? 0 : settings.at.database,
    authorities,
  };
  const sentinelAccess: Access = { username: null, password: sentinelPassword, database: 0, authorities };

  const instances = createInstances({ clock, instance, key: keys.instances, seal, time, events, onUnreadable });
  const link = createLink({ clock, random, events, settings, access, sentinelAccess });
  const board = createBoard({ instance, keys, seal, time, link, onUnreadable, onError });
  const news = createNews({
    seal,
    write: (kind, name, text) =>
      void link.run(call(TELL, [keys.journal], [instance, kind, name, text])).catch(() => null),
    onEnded: (ended, ageMs) => assignments.hear(ended, ageMs),
    onUnreadable,
    onError,
  });
  const assignments = createAssignments({
    clock,
    instance,
    lastKnown: () => instances.known(),
    isAnyoneApart: () => instances.isAnyoneSilent(),
    keys,
    link,
    mirror,
    waiters,
    tellEnd: (ended) => news.tellEnd(ended),
  });
  const hear = (entry: Entry): void => {
    const topic = TOPICS.find((one) => entry.kind === `post:${one}`);
    try {
      if (topic === undefined) news.hear(entry);
      else if (!entry.isBacklog) board.hear(topic, entry.name, entry.text);
    } catch (error) {
      onError(error);
    }
  };
  const journal = createJournal({ instance, key: keys.journal, time, hear });
  const attendance = createAttendance({ clock, instances, journal, board, assignments });

  return {
    instance,
    isDurable: true,
    isAway: () => !link.isUp(),
    instances: () => (link.isUp() ? instances.known() : [instance]),
    assignments,
    board,
    notices: news,
    async open() {
      const opened = link.open({ ...attendance, onAway: () => waiters.wakeAll() });
      await inTime({ clock, timeoutMs: OPEN_MS }, opened);
    },
    async close() {
      await instances.leave(link.run).catch(() => null);
      await link.close();
    },
  };
}
