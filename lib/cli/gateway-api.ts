import type { z } from "zod";
import type { Secret } from "../auth/secret.ts";
import { type Clock, withDeadline } from "../clock.ts";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { createExchange } from "../sfu/exchange.ts";
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
  // A connection each time: one that was kept may be of a gateway that has gone since.
  const exchange = createExchange({ idleMs: 0 });

  const ask = async ({ path, json, token }: Question): Promise<Reply> => {
    const onTimeout = (): SfuError => new SfuError("timeout", `did not answer within ${String(TIMEOUT_MS / 1000)} s`);
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${inHeader(token)}` };
    try {
      const { status, body } = await withDeadline({ clock, timeoutMs: TIMEOUT_MS, signal, onTimeout }, (deadline) => {
        const request = { url: url + path, headers, signal: deadline, maxBytes: MAX_ANSWER_BYTES };
        return json === undefined ? exchange.get(request) : exchange.post(request, json);
      });
      return { status, json: jsonOf(body, token) };
    } catch (error) {
      if (signal.aborted) throw new CliError(`ended before the gateway at ${url} had answered`, EXIT_FAILED);
      if (!(error instanceof SfuError)) throw error;
      const isAnswer = error.failure === "too_large" || error.failure === "garbage";
      throw isAnswer ? stranger(path, error.message) : unreachable(error.message);
    }
  };

  const read = <T>({ status, json }: Reply, path: string, schema: z.ZodType<T>): T => {
    const { success, data } = schema.safeParse(json);
    if (success) return data;
    const refusal = refusalSchema.safeParse(json).data;
    if (refusal === undefined) {
      const what = json === undefined ? `status ${String(status)} and no JSON` : "JSON of another form";
      throw stranger(path, `answered with ${what}`);
    }
    const { message, requestId } = refusal;
    throw failed(`the gateway at ${url} answered ${path} with status ${String(status)}: ${message} (${requestId})`);
  };

  const unreachable = (why: string): CliError =>
    failed(`cannot reach the gateway at ${url}: it ${why}; is it running? --url or SFU_GATEWAY_URL name another place`);

  const stranger = (path: string, what: string): CliError =>
    failed(
      `what answers at ${url} is no gateway of version ${VERSION}: to ${path} it ${what}; ` +
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
      return "refuses the token: SFU_GATEWAY_ADMIN_TOKEN has to be the one that the gateway has";
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
    return parseJson(body, withoutToken);
  } catch {
    return undefined;
  }
}
