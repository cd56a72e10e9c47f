import type { Assignment, Entry, Patience, Placed, Store, Turn } from "../../lib/store/store.ts";

/** Two that share, ready for one spec. */
export interface SharedStores {
  /** Opened, and each knows of the other. */
  readonly stores: readonly [Store, Store];
  /** Opens a further one, once it listens. */
  join(listen: (store: Store) => void): Promise<Store>;
  /** Lets assignments grow older. */
  age(ms: number): Promise<void>;
  /** Lets time pass for those who wait; nothing where it passes by itself. */
  pass(ms: number): Promise<void>;
}

/** Makes stores for a spec; whoever makes them closes them after it. */
export type MakeStores = () => Promise<SharedStores>;

/** Longer than any spec. */
export const NEVER_MS = 3_600_000;

export function patience(timeoutMs = NEVER_MS, signal: AbortSignal = new AbortController().signal): Patience {
  return { timeoutMs, signal };
}

/** An SFU's address, and the channel that it gave for a conference. */
export function served(address: string, conference: string, ttlMs = 60_000): Assignment {
  return { address, channel: channelOf(address, conference), ttlMs };
}

export function channelOf(address: string, conference: string): Assignment["channel"] {
  return { uuid: `uuid of ${conference} on ${address}`, url: `${address}/made` };
}

/** Takes the turn. @throws where there was none to take */
export async function turnOf(store: Store, conference: string, wait: Patience = patience()): Promise<Turn> {
  const entry = await store.assignments.enter(conference, wait);
  if (entry.kind !== "turn") throw new Error(`${conference} was placed by somebody else`);
  return entry;
}

/** Enters, and assigns where it got the turn. @returns where the conference is from now on */
export async function assign(
  store: Store,
  conference: string,
  address: string,
  ttlMs?: number,
): Promise<string | null> {
  const turn = await turnOf(store, conference);
  return turn.end(served(address, conference, ttlMs));
}

export function placedOf(entry: Entry): Placed {
  if (entry.kind !== "placed") throw new Error("it has the turn");
  return entry;
}

/** Names that are no plain words: of conferences, of SFUs, of anything. */
export const STRANGE_NAMES = [
  "https://odoo.example.com:channel:42",
  " ",
  "a b",
  "{a}",
  "}{",
  "__proto__",
  "constructor",
  "*?[x]",
  "a:b|c\\d\"e'",
  "\r\n$3\r\nfoo\r\n",
  "\0",
  "größer ☎ 会議 🎥",
  "x".repeat(2000),
];
