import { Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import got from "got";
import type { z } from "zod";
import type { Secret } from "../auth/secret.ts";
import { type Clock, withDeadline } from "../clock.ts";
import { toError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { drainedSchema, type DrainedState, fleetSchema, type FleetState, refusalSchema } from "./gateway-answers.ts";
import { CliError, EXIT_FAILED } from "./io.ts";

/** A running gateway, as the commands ask it. All methods throw {@link CliError}, with a sentence that says what to do. */
export interface GatewayApi {
  /** @returns the answer as it came, and what of it was read */
  health(): Promise<{ readonly json: unknown; readonly fleet: FleetState }>;
  setDraining(address: string, isDraining: boolean, token: Secret): Promise<DrainedState>;
}

interface Question {
  readonly path: string;
  /** What is posted; a GET where it is absent. */
  readonly json?: unknown;
  readonly token?: Secret;
}

interface Reply {
  readonly status: number;
  /** Undefined where it is not JSON. */
  readonly json: unknown;
}

/** A gateway answers both in milliseconds. */
const TIMEOUT_MS = 5000;

/** Some tens of thousands of SFUs. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** @param url without a slash at its end */
export function createGatewayApi(url: string, { clock, signal }: { clock: Clock; signal: AbortSignal }): GatewayApi {
  const client = got.extend({
    // A connection each time: one that was kept may be of a gateway that has gone since.
    agent: { http: new HttpAgent(), https: new HttpsAgent() },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    responseType: "buffer",
    headers: { "user-agent": `sfu-gateway/${VERSION}`, accept: "application/json" },
  });

  const ask = async ({ path, json, token }: Question): Promise<Reply> => {
    const onTimeout = (): Error => unreachable(`it did not answer within ${String(TIMEOUT_MS / 1000)} s`);
    try {
      return await withDeadline({ clock, timeoutMs: TIMEOUT_MS, signal, onTimeout }, async (deadline) => {
        const refusal = new AbortController();
        const request = client(url + path, {
          ...(json === undefined ? {} : { method: "POST", json }),
          headers: token === undefined ? {} : { authorization: `Bearer ${inHeader(token)}` },
          signal: AbortSignal.any([deadline, refusal.signal]),
        });
        void request.on("downloadProgress", ({ transferred, total }) => {
          if (Math.max(transferred, total ?? 0) <= MAX_ANSWER_BYTES) return;
          refusal.abort(stranger(path, "more than 16 MB"));
        });
        void request.on("request", (sent) => {
          sent.once("upgrade", (_answer: IncomingMessage, connection: Duplex) => {
            connection.destroy();
            refusal.abort(stranger(path, "a switch to another protocol"));
          });
        });
        try {
          const { statusCode, body } = await request;
          return { status: statusCode, json: jsonOf(body, token) };
        } catch (error) {
          throw refusal.signal.aborted ? refusal.signal.reason : error;
        }
      });
    } catch (error) {
      if (signal.aborted) throw new CliError(`ended before the gateway at ${url} had answered`, EXIT_FAILED);
      throw error instanceof CliError ? error : unreachable(describe(error));
    }
  };

  const read = <T>({ status, json }: Reply, path: string, schema: z.ZodType<T>): T => {
    const { success, data } = schema.safeParse(json);
    if (success) return data;
    const refusal = refusalSchema.safeParse(json).data;
    if (refusal === undefined) {
      throw stranger(path, json === undefined ? `status ${String(status)} and no JSON` : "JSON of another form");
    }
    const { message, requestId } = refusal;
    throw failed(`the gateway at ${url} answered ${path} with status ${String(status)}: ${message} (${requestId})`);
  };

  const unreachable = (why: string): CliError =>
    failed(`cannot reach the gateway at ${url}: ${why}; is it running? --url or SFU_GATEWAY_URL name another place`);

  const stranger = (path: string, what: string): CliError =>
    failed(
      `what answers at ${url} is no gateway of version ${VERSION}: ${path} brought ${what}; ` +
        "a proxy may stand in between, --url or SFU_GATEWAY_URL name the gateway itself",
    );

  return {
    async health() {
      const path = "/v1/health";
      const reply = await ask({ path });
      return { json: reply.json, fleet: read(reply, path, fleetSchema) };
    },

    async setDraining(address, isDraining, token) {
      const path = isDraining ? "/v1/sfu/drain" : "/v1/sfu/undrain";
      const reply = await ask({ path, json: { address }, token });
      const advice = adviceOn(reply, address);
      if (advice !== null) throw failed(`the gateway at ${url} ${advice}`);
      return read(reply, path, drainedSchema);
    },
  };
}

function failed(message: string): CliError {
  return new CliError(message, EXIT_FAILED);
}

/** What whoever wanted to drain can do about a refusal; null where it is none of the usual ones. */
function adviceOn({ json }: Reply, address: string): string | null {
  const { error, message } = refusalSchema.safeParse(json).data ?? {};
  switch (error) {
    case "missing_token":
    case "invalid_token":
      return "refuses the token: SFU_GATEWAY_ADMIN_TOKEN has to be the one that the gateway was started with";
    case "not_found":
      return "has its admin routes off: it has to be started with SFU_GATEWAY_ADMIN_TOKEN set";
    case "unknown_sfu":
      return `does not know ${address}: ${message ?? ""} (sfu-gateway status lists the fleet)`;
    default:
      return null;
  }
}

/** Node writes headers as Latin-1, and the gateway reads UTF-8. */
function inHeader(token: Secret): string {
  return Buffer.from(token.reveal()).toString("latin1");
}

/** @param token is taken out: whatever answers at a URL that was mistyped may repeat what it was sent */
function jsonOf(body: Uint8Array, token?: Secret): unknown {
  const withoutToken = (_name: string, value: unknown): unknown =>
    typeof value === "string" && token !== undefined ? value.replaceAll(token.reveal(), "(not shown)") : value;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body), withoutToken);
  } catch {
    return undefined;
  }
}

/** got's errors hold the request's options, the Authorization header among them, so none of them leaves this file. */
function describe(error: unknown): string {
  const { code = "" } = toError(error) as NodeJS.ErrnoException;
  const words = FAILURES[code] ?? (TLS.test(code) ? "its TLS certificate or handshake is not accepted" : "no answer");
  return code === "" ? words : `${words} (${code})`;
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "it refused the connection",
  ECONNRESET: "it closed the connection before it had answered",
  ETIMEDOUT: "it could not be connected to in time",
  ENOTFOUND: "its name could not be resolved",
  EAI_AGAIN: "its name could not be resolved",
};

const TLS = /CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/;
