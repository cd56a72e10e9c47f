import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import got, { RequestError } from "got";
import { SfuError, type SfuFailure, toError } from "../errors.ts";
import { VERSION } from "../version.ts";

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
   * Resolves the name in place of the system, and says no with an {@link SfuError}. Such a request uses no connection
   * that was made without one.
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
  /** Closes all idle connections. */
  close(): void;
}

/** Fits any real answer to a join many hundred times over. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Under the 5 s after which an SFU closes an idle connection (contract.md): whoever closes first is sure of it. */
export const IDLE_MS = 4000;

/** @param idleMs how long a connection may be idle before it is closed on this side, in milliseconds; 0 keeps none */
export function createExchange(idleMs = IDLE_MS): Exchange {
  const agents = createAgents(idleMs);
  const agentsWithLookup = createAgents(idleMs);
  const client = got.extend({
    agent: agents,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    // No answer of an SFU is worth a decompression bomb.
    decompress: false,
    responseType: "buffer",
    headers: { "user-agent": `sfu-gateway/${VERSION}`, accept: "application/json" },
  });
  const clientWithLookup = client.extend({ agent: agentsWithLookup });
  const freshClient = client.extend({ agent: { http: new HttpAgent(), https: new HttpsAgent() } });

  const once = async (
    { url, headers, signal, maxBytes = MAX_ANSWER_BYTES, lookup }: ExchangeRequest,
    by: typeof client,
    post: { readonly json: unknown } | { readonly body: string } | null = null,
  ): Promise<Answer> => {
    const refusal = new AbortController();
    const request = by(url, {
      ...(post === null ? {} : { method: "POST", ...post }),
      headers,
      signal: AbortSignal.any([signal, refusal.signal]),
      ...(lookup === undefined ? {} : { dnsLookup: lookup }),
    });
    void request.on("downloadProgress", ({ transferred, total }) => {
      if (Math.max(transferred, total ?? 0) <= maxBytes) return;
      refusal.abort(new SfuError("too_large", `answered with more than ${String(maxBytes / 1024)} KB`));
    });
    void request.on("request", (sent) => {
      // Node hands over the connection and forgets it, and got would wait for an answer on it for ever.
      sent.once("upgrade", (_answer: IncomingMessage, connection: Duplex) => {
        connection.destroy();
        refusal.abort(new SfuError("garbage", "answered with a switch to another protocol", 101));
      });
    });
    try {
      const { statusCode, headers, body } = await request;
      return { status: statusCode, headers, body };
    } catch (error) {
      throw refusal.signal.aborted ? refusal.signal.reason : error;
    }
  };

  const onceOrTwice = async (request: ExchangeRequest, post: { readonly body: string } | null): Promise<Answer> => {
    try {
      return await once(request, request.lookup === undefined ? client : clientWithLookup, post);
    } catch (error) {
      if (!isStaleConnection(error)) throw toSfuError(error, request.signal);
    }
    // Most likely the SFU closed an idle connection just as this request was put on it, and never saw the request. A
    // join may be repeated in any case: for one conference an SFU answers with one channel. Whatever else is idle may
    // be just as stale.
    return once(request, freshClient, post).catch((error: unknown) => {
      throw toSfuError(error, request.signal);
    });
  };

  return {
    get: (request) => onceOrTwice(request, null),
    postText: (request, text) => onceOrTwice(request, { body: text }),
    async post(request, json) {
      try {
        return await once(request, client, { json });
      } catch (error) {
        throw toSfuError(error, request.signal);
      }
    },
    close() {
      for (const { http, https } of [agents, agentsWithLookup]) {
        http.destroy();
        https.destroy();
      }
    },
  };
}

function createAgents(idleMs: number): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const options = idleMs === 0 ? {} : { keepAlive: true, timeout: idleMs };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
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
};

const CUT_SHORT = ["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP_CONTENT_LENGTH_MISMATCH"];

function failureOf(code: string): SfuFailure {
  if (code === "ECONNREFUSED") return "refused";
  if (CUT_SHORT.includes(code)) return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns";
  if (code.startsWith("HPE_")) return "garbage";
  if (/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/.test(code)) return "tls";
  return "unreachable";
}
