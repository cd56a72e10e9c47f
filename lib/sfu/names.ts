import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { type Clock, withDeadline } from "../clock.ts";
import { SfuError, toError } from "../errors.ts";

/** All addresses that a name has now; rejects with the system's error where it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/**
 * As a connection would resolve it. c-ares could be asked without a thread, and given up; but as Node has it, it knows
 * neither the hosts file nor search domains nor what else nsswitch names, so no container's neighbour and no
 * Kubernetes service would be found.
 */
export const systemResolve: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * The names of SFUs, resolved a few at a time, each once for all who ask, and remembered. A name whose DNS fails or hangs
 * keeps the addresses that it had, and takes nothing from the other names.
 */
export interface Names {
  /**
   * @returns at least one address, and no more than {@link MAX_ADDRESSES}
   * @throws {SfuError} `dns`: at once where that is known, else as soon as it is, or after {@link PATIENCE_MS}
   */
  addressesOf(name: string): Promise<readonly string[]>;
}

export interface NamesTools {
  readonly clock: Clock;
  /** {@link systemResolve} unless a spec has names of its own. */
  readonly resolve?: Resolve;
  /** How many lookups run at a time; {@link lanesOf} this process unless a spec says otherwise. */
  readonly lanes?: number;
}

/** So old an answer may be without another one being asked for: an SFU that has moved is found again. */
export const FRESH_MS = 5000;

/** How long an older answer waits for a newer one, before it is used all the same. */
export const RENEWAL_PATIENCE_MS = 100;

/** How long a name without any answer is waited for. Half an attempt: the next SFU is to have its time, too. */
export const PATIENCE_MS = 500;

/** After a failure nobody asks again for so long. */
export const FAILED_MS = 1000;

/** The last good answer is used for so long while DNS fails or hangs … */
export const UNKNOWN_MS = 86_400_000;

/** … and for so long while DNS says that there is no such name: it may be a slip, or a pod that starts anew. */
export const GONE_MS = 60_000;

/** Each may take a quarter of a second to be tried, which is far more than any attempt has. */
export const MAX_ADDRESSES = 16;

/** Twice what can be registered; who has not been asked for the longest is forgotten. */
const MAX_NAMES = 20_000;

/** What is known of one name. */
interface Entry {
  good: { readonly addresses: readonly string[]; readonly atMs: number } | null;
  failed: { readonly error: SfuError; readonly isGone: boolean; readonly atMs: number } | null;
  underWay: { readonly ended: Promise<void>; readonly sinceMs: number } | null;
  /** Whether the last lookup has taken longer than anybody waits. */
  isSlow: boolean;
}

/**
 * A lookup that hangs has its thread for as long as the system's resolver likes (glibc: 10 s and more) and cannot be given
 * up. So slow names share half of the lanes, and the other half is there for all others.
 */
export function createNames({ clock, resolve = systemResolve, lanes = lanesOf(process.env) }: NamesTools): Names {
  const lane = pLimit(lanes);
  const slowLane = pLimit(Math.max(1, Math.floor(lanes / 2)));
  const entries = new LRUCache<string, Entry>({ max: MAX_NAMES });

  const entryOf = (name: string): Entry => {
    const present = entries.get(name);
    if (present !== undefined) return present;
    const entry: Entry = { good: null, failed: null, underWay: null, isSlow: false };
    entries.set(name, entry);
    return entry;
  };

  const look = async (name: string, entry: Entry): Promise<void> => {
    const beganMs = clock.monotonic();
    try {
      const addresses = await resolve(name);
      if (addresses.length === 0) throw noAddress();
      entry.good = { addresses: addresses.slice(0, MAX_ADDRESSES), atMs: clock.monotonic() };
      entry.failed = null;
    } catch (error) {
      entry.failed = { ...failureOf(error), atMs: clock.monotonic() };
    }
    entry.isSlow = clock.monotonic() - beganMs > PATIENCE_MS;
  };

  const begin = (name: string, entry: Entry): NonNullable<Entry["underWay"]> => {
    const inLane = (): Promise<void> => lane(() => look(name, entry));
    // Else evicted names could wait here without end.
    const isFull = lane.pendingCount + slowLane.pendingCount >= MAX_NAMES;
    const ended = (isFull ? Promise.resolve() : entry.isSlow ? slowLane(inLane) : inLane()).then(() => {
      entry.underWay = null;
    });
    return { ended, sinceMs: clock.monotonic() };
  };

  const known = ({ good, failed }: Entry): readonly string[] => {
    const age = good === null ? Infinity : clock.monotonic() - good.atMs;
    if (good !== null && age <= (failed?.isGone === true ? GONE_MS : UNKNOWN_MS)) return good.addresses;
    throw failed?.error ?? new SfuError("dns", `has a name that was not resolved within ${String(PATIENCE_MS)} ms`);
  };

  return {
    async addressesOf(name) {
      const entry = entryOf(name);
      const nowMs = clock.monotonic();
      if (entry.good !== null && nowMs - entry.good.atMs <= FRESH_MS) return entry.good.addresses;
      if (entry.failed !== null && nowMs - entry.failed.atMs <= FAILED_MS) return known(entry);

      entry.underWay ??= begin(name, entry);
      const { ended, sinceMs } = entry.underWay;
      // Whoever comes later does not wait as long again.
      const timeoutMs = sinceMs + (entry.good === null ? PATIENCE_MS : RENEWAL_PATIENCE_MS) - nowMs;
      if (timeoutMs > 0) {
        const onTimeout = (): Error => new Error("not resolved in time");
        await withDeadline({ clock, timeoutMs, onTimeout }, () => ended).catch(() => undefined);
      }
      return known(entry);
    },
  };
}

/**
 * How many lookups may run at a time. libuv lets them have half of its threads, so that the signatures of tokens, which
 * are made in the same ones, always have the others; and one is left for whoever else looks a name up in this process.
 */
export function lanesOf({ UV_THREADPOOL_SIZE: size = "4" }: Readonly<Record<string, string | undefined>>): number {
  const forLookups = Math.floor((Math.min(Number.parseInt(size, 10) || 4, 1024) + 1) / 2);
  return Math.max(2, forLookups - 1);
}

/** What a connection looks its name up with, where `addressesOf` says where it leads. */
export function lookupBy(addressesOf: (name: string) => Promise<readonly string[]>): LookupFunction {
  return (hostname, { all, family }, callback) => {
    addressesOf(hostname)
      .then((addresses) => addresses.filter((address) => isOfFamily(address, family)))
      .then(
        (addresses) => {
          const found = addresses.map((address) => ({ address, family: isIP(address) }));
          const [first] = found;
          if (first === undefined) callback(noAddress(), []);
          else if (all === true) callback(null, found);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(toError(error), []),
      );
  };
}

function isOfFamily(address: string, family: number | "IPv4" | "IPv6" | undefined): boolean {
  if (family === 4 || family === "IPv4") return isIP(address) === 4;
  if (family === 6 || family === "IPv6") return isIP(address) === 6;
  return true;
}

function noAddress(): SfuError {
  return new SfuError("dns", "has a name without an address");
}

function failureOf(error: unknown): { readonly error: SfuError; readonly isGone: boolean } {
  if (error instanceof SfuError) return { error, isGone: false };
  const { code = "no code" } = toError(error) as NodeJS.ErrnoException;
  return code === "ENOTFOUND"
    ? { error: new SfuError("dns", `has a name that nobody knows (${code})`), isGone: true }
    : { error: new SfuError("dns", `has a name that could not be resolved (${code})`), isGone: false };
}
