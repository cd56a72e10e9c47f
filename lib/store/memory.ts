import { randomBytes } from "node:crypto";
import { type Clock, inTime } from "../clock.ts";
import { createTtlCache } from "../ttl-cache.ts";
import type {
  Assignment,
  Assignments,
  Board,
  Entry,
  Heard,
  Notices,
  Patience,
  Placed,
  Post,
  Store,
  Topic,
  Turn,
} from "./store.ts";

/** Bounds the memory, at about 300 bytes each; the least recently used ones go first. */
export const MAX_ASSIGNMENTS = 100_000;

/** What stores in one process share; each store has one of its own unless it is handed another's. */
export interface MemoryHub {
  readonly members: Member[];
  readonly homes: ReturnType<typeof createTtlCache<string>>;
  /** By conference: those who wait for the turn that is under way. */
  readonly turns: Map<string, Waiting>;
}

type Waiting = ((placed: Placed | null) => void)[];

interface Member {
  readonly instance: string;
  readonly onPost: { readonly topic: Topic; readonly listener: (post: Post) => void }[];
  readonly onNotice: ((notice: Heard) => void)[];
}

export function createMemoryHub(clock: Clock): MemoryHub {
  return { members: [], homes: createTtlCache(MAX_ASSIGNMENTS, null, clock), turns: new Map() };
}

/**
 * The store of a single gateway, gone with its process. Several gateways in one process may share a hub; whoever comes later
 * does not hear what was posted before.
 */
export function createMemoryStore(clock: Clock, hub: MemoryHub = createMemoryHub(clock)): Store {
  const { homes, turns } = hub;
  const self: Member = { instance: randomBytes(6).toString("hex"), onPost: [], onNotice: [] };
  const others = (): readonly Member[] => hub.members.filter((member) => member !== self);

  const tell: Notices["tell"] = (notice) => {
    for (const { onNotice } of others()) for (const listener of onNotice) listener({ ...notice, ageMs: 0 });
  };

  /** @param waiting those who wait for its end; null where somebody else has the turn */
  const begin = (conference: string, waiting: Waiting | null): Turn => {
    if (waiting !== null) turns.set(conference, waiting);
    const before = homes.get(conference) ?? null;
    const end = (assignment: Assignment | null): string | null => {
      if (turns.get(conference) === waiting) turns.delete(conference);
      const wakeAll = (placed: Placed | null): void => {
        for (const wake of waiting?.splice(0) ?? []) wake(placed);
      };
      const home = homes.get(conference) ?? null;
      if (assignment === null) {
        wakeAll(null);
        return home;
      }
      const { address, channel, ttlMs } = assignment;
      // Else somebody had no patience, and was quicker.
      const isHome = home === null || home === before || home === address;
      tell({ kind: "placed", address, channel, isNew: isHome && address !== home });
      if (!isHome) {
        wakeAll(null);
        return home;
      }
      if (ttlMs > 0) homes.set(conference, address, { ttl: ttlMs });
      wakeAll({ kind: "placed", address, channel });
      return ttlMs > 0 ? address : null;
    };
    return { kind: "turn", home: before, isShared: true, end };
  };

  const wait = async (conference: string, { signal, timeoutMs }: Patience): Promise<Entry> => {
    const untilMs = clock.monotonic() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      const waiting = turns.get(conference);
      if (waiting === undefined) return begin(conference, []);
      const leftMs = untilMs - clock.monotonic();
      if (leftMs <= 0) return begin(conference, null);
      const ended = new Promise<Placed | null>((resolve) => waiting.push(resolve));
      const placed = await inTime({ clock, timeoutMs: leftMs, signal }, ended);
      if (placed !== null) return placed;
    }
  };

  const assignments: Assignments = {
    enter(conference, patience) {
      if (turns.has(conference) || patience.signal.aborted) return wait(conference, patience);
      return Promise.resolve(begin(conference, []));
    },
    find: (conference) => Promise.resolve(homes.get(conference) ?? null),
    size() {
      homes.purgeStale();
      return homes.size;
    },
  };

  const board: Board = {
    post(topic, name, text) {
      for (const { onPost } of others()) {
        for (const on of onPost) if (on.topic === topic) on.listener({ name, text, ageMs: 0 });
      }
      return Promise.resolve(true);
    },
    on: (topic, listener) => void self.onPost.push({ topic, listener }),
  };

  hub.members.push(self);
  return {
    instance: self.instance,
    isDurable: false,
    isAway: () => false,
    instances: () => hub.members.map(({ instance }) => instance).toSorted(),
    assignments,
    board,
    notices: { tell, on: (listener) => void self.onNotice.push(listener) },
    open: () => Promise.resolve(),
    close() {
      const at = hub.members.indexOf(self);
      if (at >= 0) hub.members.splice(at, 1);
      return Promise.resolve();
    },
  };
}
