import type { IncomingHttpHeaders } from "node:http";
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import got, { RequestError } from "got";
import { type Clock, systemClock, turnsOfTheLoop } from "../clock.ts";
import { SfuError, type SfuFailure, toError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { type Agents, createAgents, trustIn } from "./agents.ts";
import { createConnectionWatch } from "./connection-watch.ts";
import { createNames, lookupBy, type Names } from "./names.ts";
import { tlsFailureOf } from "./tls-failures.ts";

/** What was answered, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface ExchangeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bounds the exchange: there is no other time limit in here. */
  readonly signal: AbortSignal;
  /** How large an answer may be; {@link MAX_ANSWER_BYTES} unless more is expected. */
  readonly maxBytes?: number;
  /**
   * Resolves the name in place of the usual {@link Names}, and says no with an {@link SfuError}. Such a request uses no
   * connection that was made without one.
   */
  readonly lookup?: LookupFunction;
}

/** One request and its answer: to an SFU, to an external list, from an agent or a command to a gateway. */
export interface Exchange {
  /**
   * Follows no redirect: it would carry the token elsewhere.
   *
   * @throws {SfuError} where no answer arrived, or one that is too large
   */
  get(request: ExchangeRequest): Promise<Answer>;
  /** As {@link Exchange.get}, with `json` for its body; never sent twice. */
  post(request: ExchangeRequest, json: unknown): Promise<Answer>;
  /**
   * As {@link Exchange.get}, with `text` for its body and no Content-Type: also sent once more where the connection was
   * stale, so it is for what may be said twice.
   */
  postText(request: ExchangeRequest, text: string): Promise<Answer>;
  /** Believes these authorities from now on, for connections that are made now; what is under way ends as it began. */
  trust(ca: string | null): void;
  /** Closes all connections. */
  close(): void;
}

export interface ExchangeSettings {
  readonly clock?: Clock;
  /** How long a connection may be idle before it is closed on this side, in milliseconds; 0 keeps none. */
  readonly idleMs?: number;
  /** Where names lead; one of its own unless it shares that of others. */
  readonly names?: Names;
  /** Certificates of authorities that count beside the usual ones, PEM that can be read; null for none. */
  readonly ca?: string | null;
}

/** Fits any real answer to a join many hundred times over. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Under the 5 s after which an SFU closes an idle connection (contract.md): whoever closes first is sure of it. */
export const IDLE_MS = 4000;

/** By what a connection may be used for. */
interface Connections {
  readonly usual: Agents;
  /** Of requests that bring their own lookup. */
  readonly checked: Agents;
  /** None of them has been used before. */
  readonly fresh: Agents;
}

export function createExchange(settings: ExchangeSettings = {}): Exchange {
  const { clock = systemClock, idleMs = IDLE_MS, names = createNames({ clock }), ca = null } = settings;
  const usualLookup = lookupBy((name) => names.addressesOf(name));
  const connect = (ca: string | null): Connections => {
    const trust = ca === null ? null : trustIn(ca);
    return {
      usual: createAgents({ clock, idleMs, trust }),
      checked: createAgents({ clock, idleMs, trust }),
      fresh: createAgents({ clock, idleMs: 0, trust }),
    };
  };
  let connections = connect(ca);
  const watch = createConnectionWatch(clock);
  const client = got.extend({
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    // No answer of an SFU is worth a decompression bomb.
    decompress: false,
    responseType: "buffer",
    headers: { "user-agent": `sfu-gateway/${VERSION}`, accept: "application/json" },
  });

  const once = async (
    { url, headers, signal, maxBytes = MAX_ANSWER_BYTES, lookup = usualLookup }: ExchangeRequest,
    { http, https }: Agents,
    post: { readonly json: unknown } | { readonly body: string } | null = null,
  ): Promise<Answer> => {
    const refusal = new AbortController();
    let connection: Duplex | null = null;
    const request = client(url, {
      agent: { http, https },
      ...(post === null ? {} : { method: "POST", ...post }),
      headers,
      signal: AbortSignal.any([signal, refusal.signal]),
      dnsLookup: lookup,
    });
    void request.on("downloadProgress", ({ transferred, total }) => {
      if (Math.max(transferred, total ?? 0) <= maxBytes) return;
      refusal.abort(new SfuError("too_large", `answered with more than ${String(maxBytes / 1024)} KB`));
    });
    void request.on("request", (sent) => {
      sent.once("socket", (socket) => (connection = socket));
      watch.follow(sent, { origin: new URL(url).origin, maxBytes, refuse: (error) => refusal.abort(error) });
    });
    try {
      const { statusCode, headers, body } = await request;
      return { status: statusCode, headers, body };
    } catch (error) {
      if (refusal.signal.aborted) throw refusal.signal.reason;
      throw (signal.aborted ? null : tlsFailureOf(connection, error)) ?? error;
    }
  };

  const agentsFor = ({ url, lookup }: ExchangeRequest): Agents => {
    if (!watch.mayBeKept(new URL(url).origin)) return connections.fresh;
    return lookup === undefined ? connections.usual : connections.checked;
  };

  const overKept = async (request: ExchangeRequest, post: Parameters<typeof once>[2]): Promise<Answer> => {
    // What lies unread in an idle connection, be it its end or an answer that nobody has asked for, is read before the
    // connection is used again: one turn for what has been noticed already, and one to look anew.
    await turnsOfTheLoop(2);
    return once(request, agentsFor(request), post);
  };

  const onceOrTwice = async (request: ExchangeRequest, post: { readonly body: string } | null): Promise<Answer> => {
    try {
      return await overKept(request, post);
    } catch (error) {
      if (!isStaleConnection(error)) throw toSfuError(error, request.signal);
    }
    // Most likely the SFU closed an idle connection just as this request was put on it, and never saw the request. A
    // join may be repeated in any case: for one conference an SFU answers with one channel. Whatever else is idle may
    // be just as stale.
    return once(request, connections.fresh, post).catch((error: unknown) => {
      throw toSfuError(error, request.signal);
    });
  };

  return {
    get: (request) => onceOrTwice(request, null),
    postText: (request, text) => onceOrTwice(request, { body: text }),
    async post(request, json) {
      try {
        return await overKept(request, { json });
      } catch (error) {
        throw toSfuError(error, request.signal);
      }
    },
    trust(ca) {
      const before = connections;
      connections = connect(ca);
      for (const agents of Object.values(before) as Agents[]) agents.retire();
    },
    close() {
      for (const agents of Object.values(connections) as Agents[]) agents.close();
    },
  };
}

function isStaleConnection(error: unknown): boolean {
  if (!(error instanceof RequestError) || error.response !== undefined) return false;
  return error.request?.reusedSocket === true && failureOf(error.code) === "reset";
}

/** got's errors hold the request's options, the Authorization header among them, so none of them leaves this file. */
function toSfuError(thrown: unknown, signal: AbortSignal): SfuError {
  if (thrown instanceof SfuError) return thrown;
  if (signal.aborted) return new SfuError("aborted", "given up before it answered");
  // What a lookup said arrives inside of one of got's.
  if (thrown instanceof RequestError && thrown.cause instanceof SfuError) return thrown.cause;
  const { code = "" } = toError(thrown) as NodeJS.ErrnoException;
  const failure = failureOf(code);
  return new SfuError(failure, `${explanations[failure] ?? "could not be reached"}${code === "" ? "" : ` (${code})`}`);
}

const explanations: Partial<Record<SfuFailure, string>> = {
  refused: "refused the connection",
  reset: "closed the connection before it had answered",
  timeout: "could not be connected to in time",
  dns: "has a name that could not be resolved",
  tls: "has a TLS certificate or handshake that was not accepted",
  garbage: "answered with something that is not HTTP",
  too_large: "answered with headers over 16 KB",
};

/** Node has one limit for all headers together. */
const OVERFLOWS = ["HPE_HEADER_OVERFLOW", "HPE_CHUNK_EXTENSIONS_OVERFLOW"];

const CUT_SHORT = ["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP_CONTENT_LENGTH_MISMATCH"];

function failureOf(code: string): SfuFailure {
  if (code === "ECONNREFUSED") return "refused";
  if (CUT_SHORT.includes(code)) return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns";
  if (OVERFLOWS.includes(code)) return "too_large";
  if (code.startsWith("HPE_")) return "garbage";
  if (/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/.test(code)) return "tls";
  return "unreachable";
}
