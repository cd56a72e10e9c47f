import { turnsOfTheLoop } from "../../clock.ts";
import { type Board, type Post, type Topic, TOPICS } from "../store.ts";
import type { Keys } from "./keys.ts";
import { isOver, type Kept, parsePost, type Posted, replace, writePost } from "./kept.ts";
import type { Link } from "./link.ts";
import { BOARD_MS, call, POST, PURGE } from "./scripts.ts";
import type { Seal } from "./seal.ts";
import type { ServerTime } from "./server-time.ts";
import type { Run } from "./session.ts";

/** The board with what only its own store needs of it. */
export interface SharedBoard extends Board {
  /** Takes in what another gateway has posted. */
  hear(topic: Topic, name: string, text: string): void;
  /** Tells what is younger there, and posts what is younger here: also what others have posted, where the store lost it. */
  synchronise(run: Run): Promise<void>;
  /** Posts what could not be posted when it was. */
  catchUp(run: Run): Promise<void>;
}

/** Bounds what one command does, so that none of them delays a call. */
const READ_AT_ONCE = 500;
const POSTED_AT_ONCE = 100;

interface BoardTools {
  readonly instance: string;
  readonly keys: Keys;
  readonly seal: Seal;
  readonly time: ServerTime;
  readonly link: Link;
  readonly onUnreadable: (what: string) => void;
  readonly onError: (error: unknown) => void;
}

export function createBoard(tools: BoardTools): SharedBoard {
  const { instance, keys, seal, time, link, onUnreadable, onError } = tools;
  const topics = new Map<Topic, Map<string, Kept>>(TOPICS.map((topic) => [topic, new Map<string, Kept>()]));
  const listeners = new Map<Topic, ((post: Post) => void)[]>();
  const keptOf = (topic: Topic): Map<string, Kept> => topics.get(topic) ?? new Map<string, Kept>();

  const tell = (topic: Topic, post: Post): void => {
    for (const listener of listeners.get(topic) ?? []) {
      try {
        listener(post);
      } catch (error) {
        onError(error);
      }
    }
  };

  const hear: SharedBoard["hear"] = (topic, name, text) => {
    const kept = keptOf(topic).get(name);
    const heard = parsePost(text);
    if (heard === null) {
      onUnreadable(`a post of ${topic}`);
    } else if (kept?.sealed === heard.sealed) {
      confirm(kept, heard.atMs, heard.expiresAtMs);
    } else if (kept?.former.includes(heard.sealed) === true) {
      // It was not known to have been posted, and has been replaced here since.
      kept.atMs = Math.max(kept.atMs, heard.atMs + 1);
      kept.state = "unposted";
    } else if (kept?.state === "under way") {
      kept.rival = text;
    } else if (!isOver(heard, time.now()) && (kept === undefined || kept.atMs <= heard.atMs)) {
      take(topic, name, heard);
    }
  };

  const take = (topic: Topic, name: string, heard: Posted): void => {
    const text = seal.open(["post", topic, name], heard.sealed);
    if (text === null) {
      onUnreadable(`a post of ${topic}`);
      return;
    }
    keptOf(topic).set(name, { ...heard, text, state: "posted", former: [], rival: null });
    tell(topic, { name, text, ageMs: Math.max(0, time.now() - heard.atMs) });
  };

  const confirm = (kept: Kept, atMs: number, expiresAtMs: number): void => {
    Object.assign(kept, { atMs, expiresAtMs, state: "posted", former: [] });
  };

  /** @returns for each, whether it is there now */
  const put = async (
    topic: Topic,
    run: Run,
    posts: readonly (readonly [string, Kept])[],
    isNew: boolean,
  ): Promise<boolean> => {
    for (const [, kept] of posts) kept.state = "under way";
    const lines = posts.flatMap(([name, kept]) => writePost(name, kept, isNew));
    try {
      const command = call(POST, [keys.topic(topic), keys.journal], [instance, `post:${topic}`, ...lines]);
      const answers = (await run(command)) as readonly string[];
      for (const [index, [, kept]] of posts.entries()) {
        const atMs = Number(answers[index]);
        if (atMs > 0) confirm(kept, atMs, kept.expiresAtMs === 0 ? 0 : atMs + kept.expiresAtMs - kept.atMs);
        // Something younger is there, which is heard at the next look.
        else Object.assign(kept, { atMs: 0, state: "posted" });
      }
      return true;
    } catch {
      for (const [, kept] of posts) kept.state = "unposted";
      return false;
    } finally {
      for (const [name, kept] of posts) {
        const { rival } = kept;
        kept.rival = null;
        if (rival !== null) hear(topic, name, rival);
      }
    }
  };

  const read = async (topic: Topic, run: Run): Promise<ReadonlyMap<string, string>> => {
    const all = new Map<string, string>();
    let cursor = "0";
    do {
      const key = keys.topic(topic);
      const reply = await run({ name: "scan", key, args: ["HSCAN", key, cursor, "COUNT", String(READ_AT_ONCE)] });
      const [next, entries] = reply as readonly [string, readonly string[]];
      cursor = next;
      for (const [index, name] of entries.entries()) if (index % 2 === 0) all.set(name, entries[index + 1] ?? "");
      await turnsOfTheLoop(1);
    } while (cursor !== "0");
    return all;
  };

  const purge = async (topic: Topic, run: Run, there: ReadonlyMap<string, string>): Promise<void> => {
    const over = [...there].filter(([, text]) => {
      const post = parsePost(text);
      return post !== null && isOver(post, time.now());
    });
    for (const some of inBatches(over)) await run(call(PURGE, [keys.topic(topic)], some.flat()));
    for (const [name, kept] of keptOf(topic)) if (isOver(kept, time.now())) keptOf(topic).delete(name);
  };

  /** What is sealed by a key that is on its way out, or gone, would be lost with it. */
  const reseal = (topic: Topic): void => {
    for (const [name, kept] of keptOf(topic)) {
      if (kept.state === "under way" || seal.isCurrent(kept.sealed)) continue;
      const sealed = seal.seal(["post", topic, name], kept.text);
      keptOf(topic).set(name, { ...kept, sealed, atMs: kept.atMs + 1, state: "unposted" });
    }
  };

  const putAll = async (topic: Topic, run: Run, isWanted: (name: string, kept: Kept) => boolean): Promise<void> => {
    const wanted = [...keptOf(topic)].filter(([name, kept]) => isWanted(name, kept));
    for (const some of inBatches(wanted)) if (!(await put(topic, run, some, false))) return;
  };

  return {
    hear,

    async post(topic, name, text, ttlMs) {
      const sealed = seal.seal(["post", topic, name], text);
      const kept = replace(keptOf(topic).get(name), { sealed, text, ttlMs, nowMs: time.now() });
      keptOf(topic).set(name, kept);
      return link.isUp() && put(topic, link.run, [[name, kept]], true);
    },

    on(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
    },

    async synchronise(run) {
      for (const topic of TOPICS) {
        const there = await read(topic, run);
        for (const [name, text] of there) hear(topic, name, text);
        await purge(topic, run, there);
        const key = keys.topic(topic);
        await run({ name: "keep", key, args: ["PEXPIRE", key, String(BOARD_MS)] });
        reseal(topic);
        await putAll(topic, run, (name, { state, atMs }) => {
          if (state === "under way") return false;
          return state === "unposted" || (parsePost(there.get(name) ?? "")?.atMs ?? -1) < atMs;
        });
      }
    },

    async catchUp(run) {
      for (const topic of TOPICS) await putAll(topic, run, (_, { state }) => state === "unposted");
    },
  };
}

function inBatches<T>(all: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(all.length / POSTED_AT_ONCE);
  return Array.from({ length: count }, (_, index) => all.slice(index * POSTED_AT_ONCE, (index + 1) * POSTED_AT_ONCE));
}
