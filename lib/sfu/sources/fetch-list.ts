import type { IncomingHttpHeaders } from "node:http";
import type { Secret } from "../../auth/secret.ts";
import { type Clock, withDeadline } from "../../clock.ts";
import { ListError, SfuError } from "../../errors.ts";
import { type Answer, createExchange, type ExchangeSettings } from "../exchange.ts";

/** What one GET brought. */
export type Fetched =
  /** The server says that nothing has changed since the list with the ETag that it was told. */
  | { readonly kind: "not_modified" }
  /** A body that has not been looked at, and the ETag to tell the next time; null where there is none. */
  | { readonly kind: "body"; readonly body: Uint8Array; readonly etag: string | null };

/** Asks for the external list. */
export interface ListFetcher {
  /**
   * @param etag of the list that the caller has; null where it has none, or none with an ETag
   * @throws {ListError} where no list arrived; the reason of `signal` when that is aborted
   */
  fetch(etag: string | null, signal: AbortSignal): Promise<Fetched>;
  /** Closes all idle connections. */
  close(): void;
}

export interface ListFetcherOptions {
  readonly clock: Clock;
  readonly url: string;
  /** Bounds one fetch, the body included. */
  readonly timeoutMs: number;
  readonly token: Secret | null;
  /** How it is connected; the usual way where that is absent. */
  readonly connection?: ExchangeSettings;
}

/** 260 bytes for each of 30,000 SFUs. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;

/** A longer one is not told again: a server that found the request too large would find it so for ever. */
const MAX_ETAG_LENGTH = 512;

export function createListFetcher({ clock, url, timeoutMs, token, connection }: ListFetcherOptions): ListFetcher {
  const exchange = createExchange(connection);
  const onTimeout = (): ListError =>
    new ListError(`did not answer to the end within ${String(Math.round(timeoutMs))} ms`);

  return {
    async fetch(etag, signal) {
      const headers = { ...authorization(token), ...(etag === null ? {} : { "if-none-match": etag }) };
      const answer = await withDeadline({ clock, timeoutMs, signal, onTimeout }, (deadline) =>
        exchange.get({ url, headers, signal: deadline, maxBytes: MAX_LIST_BYTES }).catch((error: unknown) => {
          throw error instanceof SfuError ? new ListError(error.message) : error;
        }),
      );
      if (answer.status === 304 && etag !== null) return { kind: "not_modified" };
      requireList(answer, token !== null);
      return { kind: "body", body: answer.body, etag: etagIn(answer.headers) };
    },
    close: () => exchange.close(),
  };
}

/** @throws {ListError} for a token that HTTP cannot carry, which Node would blame on nothing that the operator knows */
function authorization(token: Secret | null): Readonly<Record<string, string>> {
  if (token === null) return {};
  const text = token.reveal();
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new ListError("cannot be asked for: expected visible ASCII characters in [registry] token and no others");
  }
  return { authorization: `Bearer ${text}` };
}

function requireList({ status, headers }: Answer, hasToken: boolean): void {
  if (status !== 200) throw new ListError(`answered with status ${String(status)}${hintAt(status, hasToken)}`);
  const { "content-encoding": encoding = "identity" } = headers;
  if (encoding !== "identity") throw new ListError("answered with a compressed body, which was not asked for");
}

function hintAt(status: number, hasToken: boolean): string {
  if (status === 401 || status === 403) {
    return hasToken ? ": does it accept [registry] token?" : ": does it want a [registry] token? None is set";
  }
  if (status === 404) return ": is [registry] url right?";
  if (status === 304) return " to a request that had not named a list";
  if (status >= 300 && status < 400)
    return ", a redirect, and none is followed: expected the list itself at [registry] url";
  return status < 300 ? ", expected 200" : "";
}

function etagIn({ etag }: IncomingHttpHeaders): string | null {
  return etag === undefined || etag === "" || etag.length > MAX_ETAG_LENGTH ? null : etag;
}
