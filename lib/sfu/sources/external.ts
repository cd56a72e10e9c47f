import { isDeepStrictEqual } from "node:util";
import type { Secret } from "../../auth/secret.ts";
import { type Clock, type Random, sleep } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { ListError, toError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Registry } from "../registry.ts";
import type { Sfu } from "../sfu.ts";
import { createListFetcher } from "./fetch-list.ts";
import { type ListDefaults, parseList } from "./parse-list.ts";

/** The SFUs of a list that somebody else keeps (docs/external-list.md). */
export interface ExternalSource {
  /** Reads the list now and at every interval. Calling it again does nothing. */
  start(): void;
  /** Gives up what is under way, for good. The SFUs of the list stay in the registry. */
  close(): void;
}

export interface ExternalSourceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  readonly settings: NonNullable<Config["registry"]>;
  /** Sent to the list's server and to nobody else. */
  readonly token: Secret | null;
  readonly defaults: ListDefaults;
}

/** However rarely the list is read: a server that takes longer is as good as away. */
const MAX_READING_MS = 5000;

/** The share of the interval by which a reading comes sooner or later, so that many gateways drift apart. */
const JITTER = 0.1;

/**
 * Feeds the registry from the external list. One reading is one list: taken as a whole, or not at all, and then the
 * last good one stays in force. Every change of how it goes is told as `externalList`.
 */
export function createExternalSource(options: ExternalSourceOptions): ExternalSource {
  const { clock, random, events, registry, settings, token, defaults } = options;
  const { url, intervalMs } = settings;
  const fetcher = createListFetcher({ clock, url, timeoutMs: Math.min(intervalMs, MAX_READING_MS), token });
  const closed = new AbortController();

  let isStarted = false;
  /** The last good list, by address. */
  let listed: ReadonlyMap<string, Sfu> = new Map();
  let etag: string | null = null;
  /** What was wrong the last time, empty for nothing, null where it has not been told yet. */
  let trouble: string | null = null;

  /** @returns whether anything changed */
  const take = (sfus: readonly Sfu[]): boolean => {
    // An unchanged entry stays the very same object: what others know of an SFU may hang on it.
    const kept = sfus.map((sfu) => {
      const present = listed.get(sfu.address);
      return present !== undefined && isSame(present, sfu) ? present : sfu;
    });
    const next = new Map(kept.map((sfu) => [sfu.address, sfu]));
    const changed = kept.filter((sfu) => listed.get(sfu.address) !== sfu);
    const dropped = [...listed.keys()].filter((address) => !next.has(address));
    listed = next;
    for (const sfu of changed) registry.put(sfu);
    for (const address of dropped) registry.remove(address, "external");
    return changed.length + dropped.length > 0;
  };

  const tell = (error: ListError | null, hasChanged: boolean): void => {
    const now = error?.message ?? "";
    if (now === trouble && !hasChanged) return;
    trouble = now;
    events.emit("externalList", { sfus: listed.size, error });
  };

  const read = async (signal: AbortSignal): Promise<void> => {
    try {
      const fetched = await fetcher.fetch(etag, signal);
      if (fetched.kind === "not_modified") {
        tell(null, false);
        return;
      }
      const hasChanged = take(parseList(fetched.body, defaults));
      // Only now: the ETag of a list that was not taken would have the server say that nothing has changed.
      etag = fetched.etag;
      tell(null, hasChanged);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ListError) tell(error, false);
      else events.emit("unexpected", { where: "the external list", error: toError(error) });
    }
  };

  const readOnAndOn = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const dueMs = clock.monotonic() + intervalMs * (1 - JITTER + 2 * JITTER * random());
      await read(signal);
      await sleep(clock, Math.max(0, dueMs - clock.monotonic()), signal);
    }
  };

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      readOnAndOn(closed.signal).catch((error: unknown) => {
        if (!closed.signal.aborted) events.emit("unexpected", { where: "the external list", error: toError(error) });
      });
    },
    close() {
      closed.abort(new ListError("is not read any more, for the gateway is closing"));
      fetcher.close();
    },
  };
}

/** Keys and tokens show nothing of themselves to a comparison by structure. */
function isSame({ key, statsToken, ...rest }: Sfu, { key: otherKey, statsToken: otherToken, ...others }: Sfu): boolean {
  const hasSameToken =
    statsToken === null || otherToken === null ? statsToken === otherToken : statsToken.equals(otherToken.reveal());
  return hasSameToken && key.equals(otherKey) && isDeepStrictEqual(rest, others);
}
