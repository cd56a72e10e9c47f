import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import got, { RequestError } from "got";
import { SfuError, type SfuFailure, toError } from "../errors.ts";
import { VERSION } from "../version.ts";

/** What an SFU answered, read to its end. */
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

/** One GET to an SFU. */
export interface Exchange {
  /** @throws {SfuError} where no answer arrived, a redirect did, or one that is too large */
  get(request: ExchangeRequest): Promise<Answer>;
  /** Closes all idle connections. */
  close(): void;
}

/** Fits any real answer to a join many hundred times over. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Under the 5 s after which an SFU closes an idle connection (contract.md): whoever closes first is sure of it. */
export const IDLE_MS = 4000;

/** @param idleMs how long a connection may be idle before the gateway closes it, in milliseconds */
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
  ): Promise<Answer> => {
    const refusal = new AbortController();
    const request = by.get(url, {
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
      if (statusCode >= 300 && statusCode < 400 && statusCode !== 304) {
        throw new SfuError("redirect", "answered with a redirect, which Odoo would not survive", statusCode);
      }
      return { status: statusCode, headers, body };
    } catch (error) {
      throw refusal.signal.aborted ? refusal.signal.reason : error;
    }
  };

  return {
    async get(request) {
      try {
        return await once(request, request.lookup === undefined ? client : clientWithLookup);
      } catch (error) {
        if (!isStaleConnection(error)) throw toSfuError(error, request.signal);
      }
      // Most likely the SFU closed an idle connection just as this request was put on it, and never saw the request. A
      // join may be repeated in any case: for one conference an SFU answers with one channel. Whatever else is idle may
      // be just as stale.
      return once(request, freshClient).catch((error: unknown) => {
        throw toSfuError(error, request.signal);
      });
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
  return {
    http: new HttpAgent({ keepAlive: true, timeout: idleMs }),
    https: new HttpsAgent({ keepAlive: true, timeout: idleMs }),
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
