import { isDeepStrictEqual } from "node:util";
import { isSameSecret, type Secret } from "../../auth/secret.ts";
import { type Clock, type Random, sleep } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { ListError, toError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Names } from "../names.ts";
import type { Registry } from "../registry.ts";
import { createListFetcher, type ListFetcher } from "./fetch-list.ts";
import { createSourceList } from "./list.ts";
import { type ListDefaults, parseList } from "./parse-list.ts";

/** The SFUs of a list that somebody else keeps (docs/external-list.md). */
export interface ExternalSource {
  /**
   * Reads this list from now on: at once, and at every interval. The SFUs of the one before stay until it has been read;
   * where none shall be followed (null) they leave. What is followed already is not begun anew.
   */
  follow(list: FollowedList | null): void;
  /** Gives up what is under way, for good. The SFUs of the list stay in the registry. */
  close(): void;
}

export interface FollowedList {
  readonly settings: NonNullable<Config["registry"]>;
  /** Sent to the list's server and to nobody else. */
  readonly token: Secret | null;
  /** Authorities to believe beside the usual ones, PEM; null for none. */
  readonly ca?: string | null;
  readonly defaults: ListDefaults;
}

export interface ExternalSourceTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  /** Those of the SFUs, where they are shared. */
  readonly names?: Names;
}

/** However rarely the list is read: a server that takes longer is as good as away. */
const MAX_READING_MS = 5000;

/** The share of the interval by which a reading comes sooner or later, so that many gateways drift apart. */
const JITTER = 0.1;

/** One list that is being followed. */
interface Pursuit {
  readonly list: FollowedList;
  readonly fetcher: ListFetcher;
  readonly ended: AbortController;
  etag: string | null;
  /** What was wrong the last time, empty for nothing, null where it has not been told yet. */
  trouble: string | null;
}

/**
 * Feeds the registry from the external list. One reading is one list: taken as a whole, or not at all, and then the
 * last good one stays in force. Every change of how it goes is told as `externalList`.
 */
export function createExternalSource({ clock, random, events, registry, names }: ExternalSourceTools): ExternalSource {
  const listed = createSourceList(registry, "external");
  let pursuit: Pursuit | null = null;
  let isClosed = false;

  const tell = (by: Pursuit, error: ListError | null, hasChanged: boolean): void => {
    const now = error?.message ?? "";
    if (now === by.trouble && !hasChanged) return;
    by.trouble = now;
    events.emit("externalList", { sfus: listed.size, error });
  };

  const read = async (by: Pursuit): Promise<void> => {
    const { signal } = by.ended;
    try {
      const fetched = await by.fetcher.fetch(by.etag, signal);
      // Another list may be followed by now.
      if (signal.aborted) return;
      if (fetched.kind === "not_modified") {
        tell(by, null, false);
        return;
      }
      const hasChanged = listed.take(parseList(fetched.body, by.list.defaults));
      // Only now: the ETag of a list that was not taken would have the server say that nothing has changed.
      by.etag = fetched.etag;
      tell(by, null, hasChanged);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ListError) tell(by, error, false);
      else events.emit("unexpected", { where: "the external list", error: toError(error) });
    }
  };

  const readOnAndOn = async (by: Pursuit): Promise<void> => {
    const { signal } = by.ended;
    while (!signal.aborted) {
      const dueMs = clock.monotonic() + by.list.settings.intervalMs * (1 - JITTER + 2 * JITTER * random());
      await read(by);
      await sleep(clock, Math.max(0, dueMs - clock.monotonic()), signal);
    }
  };

  const end = (): void => {
    pursuit?.ended.abort(new ListError("is not read any more"));
    pursuit?.fetcher.close();
    pursuit = null;
  };

  return {
    follow(list) {
      if (isClosed) return;
      if (list === null) {
        end();
        listed.take([]);
        return;
      }
      if (pursuit !== null && isSame(pursuit.list, list)) return;
      end();
      const { url, intervalMs } = list.settings;
      const fetcher = createListFetcher({
        clock,
        url,
        timeoutMs: Math.min(intervalMs, MAX_READING_MS),
        token: list.token,
        connection: { clock, ca: list.ca ?? null, ...(names === undefined ? {} : { names }) },
      });
      const begun: Pursuit = { list, fetcher, ended: new AbortController(), etag: null, trouble: null };
      pursuit = begun;
      readOnAndOn(begun).catch((error: unknown) => {
        if (!begun.ended.signal.aborted) {
          events.emit("unexpected", { where: "the external list", error: toError(error) });
        }
      });
    },
    close() {
      isClosed = true;
      end();
    },
  };
}

function isSame(one: FollowedList, other: FollowedList): boolean {
  const { token, ...rest } = one;
  const { token: otherToken, ...others } = other;
  return isSameSecret(token, otherToken) && isDeepStrictEqual(rest, others);
}
