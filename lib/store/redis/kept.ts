/** One post as the store has it. */
export type Posted = Pick<Kept, "atMs" | "expiresAtMs" | "sealed">;

/** One post as this gateway knows it, its own or another's. */
export interface Kept {
  /** When it was posted, by the store's clock; where the store has not said so, by an estimate of that. */
  atMs: number;
  /** 0 for never. */
  expiresAtMs: number;
  readonly sealed: string;
  readonly text: string;
  /** `unposted`: the store may not have it. `under way`: it is being posted. */
  state: "unposted" | "under way" | "posted";
  /** What it has replaced before that was known to be posted: a server that hung may still carry that out. */
  former: readonly string[];
  /** What was heard of the same name while this was under way: which of the two holds is known afterwards. */
  rival: string | null;
}

/** More than one of them is rare: the store is away after the first that fails. */
const MAX_FORMER = 8;

interface NewPost {
  readonly sealed: string;
  readonly text: string;
  readonly ttlMs: number | null;
  readonly nowMs: number;
}

export function replace(before: Kept | undefined, { sealed, text, ttlMs, nowMs }: NewPost): Kept {
  const atMs = Math.max(nowMs, (before?.atMs ?? 0) + 1);
  const isKnown = before === undefined || before.state === "posted";
  return {
    atMs,
    expiresAtMs: ttlMs === null ? 0 : atMs + ttlMs,
    sealed,
    text,
    state: "unposted",
    former: isKnown ? [] : [...before.former, before.sealed].slice(-MAX_FORMER),
    rival: null,
  };
}

export function isOver({ expiresAtMs }: Pick<Kept, "expiresAtMs">, nowMs: number): boolean {
  return expiresAtMs > 0 && expiresAtMs <= nowMs;
}

/** Null for what no gateway writes. */
export function parsePost(text: string): Posted | null {
  const [, at, expires, sealed] = /^(\d{1,16})\|(\d{1,16})\|([\w.-]+)$/.exec(text) ?? [];
  return sealed === undefined ? null : { atMs: Number(at), expiresAtMs: Number(expires), sealed };
}

/** As the script wants it. @param isNew whether it is from now, whenever that is where it arrives */
export function writePost(name: string, { sealed, atMs, expiresAtMs }: Kept, isNew: boolean): readonly string[] {
  return [name, sealed, isNew ? "0" : String(atMs), String(expiresAtMs === 0 ? 0 : expiresAtMs - atMs)];
}
