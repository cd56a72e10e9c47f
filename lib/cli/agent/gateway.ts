import { randomUUID } from "node:crypto";
import { Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import got from "got";
import type { AuthKey } from "../../auth/keys.ts";
import { signClaims } from "../../auth/resign.ts";
import { type Clock, withDeadline } from "../../clock.ts";
import { toError } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import { type Outcome, readAnswer } from "./answer.ts";
import type { Heartbeat } from "./heartbeat.ts";

export interface SendBounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface GatewayClient {
  /** @throws the reason of `bounds.signal` as soon as that is aborted, and nothing else */
  send(heartbeat: Heartbeat, bounds: SendBounds): Promise<Outcome>;
}

/** A token is for one heartbeat. */
const TOKEN_TTL_S = 60;

/** Fits any real answer many hundred times over. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Why there was no answer, in words that go on after «it». Never one of got's errors, which hold the token. */
class SendError extends Error {
  override readonly name = "SendError";
}

/** @param url the gateway's, without `/v1/sfu` */
export function createGatewayClient(url: string, registrationKey: AuthKey, clock: Clock): GatewayClient {
  const client = got.extend({
    // A connection a heartbeat: there is none to go stale in between, and none to be left behind.
    agent: { http: new HttpAgent(), https: new HttpsAgent() },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    responseType: "buffer",
    headers: { "user-agent": `sfu-gateway-agent/${VERSION}`, accept: "application/json" },
  });

  const sign = (): Promise<string> => {
    const iat = Math.floor(clock.now() / 1000);
    return signClaims({ iat, exp: iat + TOKEN_TTL_S, jti: randomUUID() }, registrationKey);
  };

  const post = async (heartbeat: Heartbeat, signal: AbortSignal): Promise<Outcome> => {
    const token = await sign();
    const refusal = new AbortController();
    const request = client.post(`${url}/v1/sfu`, {
      json: heartbeat,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, refusal.signal]),
    });
    void request.on("downloadProgress", ({ transferred, total }) => {
      if (Math.max(transferred, total ?? 0) <= MAX_ANSWER_BYTES) return;
      refusal.abort(new SendError(`answered with more than ${String(MAX_ANSWER_BYTES / 1024)} KB`));
    });
    void request.on("request", (sent) => {
      // Node hands over the connection and forgets it, and got would wait for an answer on it.
      sent.once("upgrade", (_answer: IncomingMessage, connection: Duplex) => {
        connection.destroy();
        refusal.abort(new SendError("answered with a switch to another protocol"));
      });
    });
    try {
      const { statusCode, body } = await request;
      return readAnswer(statusCode, body, [heartbeat.key, token]);
    } catch (error) {
      throw refusal.signal.aborted ? refusal.signal.reason : new SendError(explain(error));
    }
  };

  return {
    async send(heartbeat, { timeoutMs, signal }) {
      const onTimeout = (): SendError => new SendError(`did not answer within ${String(Math.round(timeoutMs))} ms`);
      try {
        return await withDeadline({ clock, timeoutMs, signal, onTimeout }, (deadline) => post(heartbeat, deadline));
      } catch (error) {
        if (signal.aborted || !(error instanceof SendError)) throw error;
        return { kind: "unreachable", why: error.message };
      }
    },
  };
}

const EXPLANATIONS: readonly (readonly [code: RegExp, why: string])[] = [
  [/^ECONNREFUSED$/, "refused the connection"],
  [/^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ERR_HTTP_CONTENT_LENGTH_MISMATCH)$/, "closed the connection"],
  [/^ETIMEDOUT$/, "could not be connected to in time"],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "has a name that could not be resolved"],
  [/^HPE_/, "answered with something that is not HTTP"],
  [/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/, "has a TLS certificate or handshake that was not accepted"],
];

/** By the code alone. */
function explain(thrown: unknown): string {
  const { code = "" } = toError(thrown) as NodeJS.ErrnoException;
  const why = EXPLANATIONS.find(([pattern]) => pattern.test(code))?.[1] ?? "could not be reached";
  return code === "" ? why : `${why} (${code})`;
}
