import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got, { RequestError } from "got";
import { SfuError, type SfuFailure, toError } from "../errors.ts";
import { VERSION } from "../version.ts";

/** What an SFU answered, read to its end. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface ExchangeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bounds the exchange: there is no other time limit in here. */
  readonly signal: AbortSignal;
}

/** One GET to an SFU. */
export interface Exchange {
  /** @throws {SfuError} where no answer arrived, a redirect did, or one of more than {@link MAX_ANSWER_BYTES} */
  get(request: ExchangeRequest): Promise<Answer>;
  /** Closes all idle connections. */
  close(): void;
}

/** Fits any real answer to a join many hundred times over. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Under the 5 s after which an SFU closes an idle connection (contract.md): whoever closes first is sure of it. */
const IDLE_MS = 4000;

export function createExchange(): Exchange {
  const agents = {
    http: new HttpAgent({ keepAlive: true, timeout: IDLE_MS }),
    https: new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }),
  };
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

  const once = async ({ url, headers, signal }: ExchangeRequest): Promise<Answer> => {
    const excess = new AbortController();
    const request = client.get(url, { headers, signal: AbortSignal.any([signal, excess.signal]) });
    void request.on("downloadProgress", ({ transferred, total }) => {
      if (Math.max(transferred, total ?? 0) > MAX_ANSWER_BYTES) excess.abort();
    });
    try {
      const { statusCode, body } = await request;
      if (statusCode >= 300 && statusCode < 400) {
        throw new SfuError("redirect", "answered with a redirect, which Odoo would not survive", statusCode);
      }
      return { status: statusCode, body };
    } catch (error) {
      if (!excess.signal.aborted) throw error;
      throw new SfuError("too_large", `answered with more than ${String(MAX_ANSWER_BYTES / 1024)} KB`);
    }
  };

  return {
    async get(request) {
      try {
        return await once(request);
      } catch (error) {
        if (!isStaleConnection(error)) throw toSfuError(error, request.signal);
      }
      // The SFU closed an idle connection just as this request was put on it: it never saw the request.
      return once(request).catch((error: unknown) => {
        throw toSfuError(error, request.signal);
      });
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function isStaleConnection(error: unknown): boolean {
  return error instanceof RequestError && error.request?.reusedSocket === true && failureOf(error.code) === "reset";
}

/** got's errors hold the request's options, the Authorization header among them, so none of them leaves this file. */
function toSfuError(thrown: unknown, signal: AbortSignal): SfuError {
  if (thrown instanceof SfuError) return thrown;
  if (signal.aborted) return new SfuError("aborted", "given up before it answered");
  const { code = "" } = toError(thrown) as NodeJS.ErrnoException;
  const failure = failureOf(code);
  return new SfuError(failure, `${explanations[failure] ?? "could not be reached"}${code === "" ? "" : ` (${code})`}`);
}

const explanations: Partial<Record<SfuFailure, string>> = {
  refused: "refused the connection",
  reset: "closed the connection before it had answered",
  timeout: "could not be connected to in time",
  dns: "its name could not be resolved",
  tls: "its TLS certificate or handshake was not accepted",
  garbage: "answered with something that is not HTTP",
};

function failureOf(code: string): SfuFailure {
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE") return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns";
  if (code.startsWith("HPE_") || code === "ERR_HTTP_CONTENT_LENGTH_MISMATCH") return "garbage";
  if (/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/.test(code)) return "tls";
  return "unreachable";
}
