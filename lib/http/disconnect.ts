import type { IncomingMessage } from "node:http";
import type { Throttle } from "../auth/throttle.ts";
import type { DisconnectOrder, VerifyDisconnect } from "../auth/verify-disconnect.ts";
import type { Config } from "../config/config.ts";
import { GatewayError, toError, toGatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import { VIA } from "../sfu/client.ts";
import type { Registry } from "../sfu/registry.ts";
import type { GatewayContext, GatewayMiddleware } from "./context.ts";
import { partBySfu } from "./disconnect-parts.ts";
import { readBody } from "./read-body.ts";
import { requireAll, tellSfus, type TellSfusTools, type Told } from "./tell-sfus.ts";
import type { UnderWay } from "./under-way.ts";

export interface DisconnectTools extends TellSfusTools {
  readonly events: Events;
  readonly registry: Registry;
  readonly homes: ChannelHomes;
  readonly verify: VerifyDisconnect;
  readonly throttle: Throttle;
  /** For a shutdown to wait for. */
  readonly underWay: UnderWay;
  readonly limits: Pick<Config["failover"], "attemptTimeoutMs" | "retryTimeoutMs">;
}

/**
 * Four times what o-sfu takes: odoo/sfu has no limit, and a body that is for several SFUs is parted. Not more, for what
 * nobody knows the place of goes to every SFU.
 */
export const MAX_DISCONNECT_BYTES = 64 * 1024;

/** Odoo names one channel, or those that a housekeeping run ends. For each nobody may know the place of, a fleet is asked. */
export const MAX_DISCONNECT_CHANNELS = 500;

const NOBODY: Told = { channels: 0, unknown: 0, silent: 0, asked: [], failed: [] };

/**
 * `POST /v1/disconnect`: ends sessions on whichever SFUs have them. 200 says that each of these accepted the request, not
 * that there were sessions to end: what it does not have, or what is another caller's, an SFU skips in silence. It asks
 * neither a breaker nor who is available, and tells them nothing: those are about new conferences.
 *
 * The caller's signal does not end it. Odoo deletes its sessions whatever the answer, and does not ask again: what it
 * wanted when it hung up it still wants; nor does a shutdown, which waits for what is under way.
 *
 * The budget runs from the arrival, the body's way included, as that of a channel does. Odoo's own 3 s begin when its body
 * is out, but that is one packet; of a caller who lets his trickle in, a shutdown must know when he is done.
 *
 * @throws {GatewayError} 413 `body_too_large`, 422 `missing_token`, `invalid_token` or `invalid_claims`, 429
 *   `rate_limited`, 502 `disconnect_incomplete`, 508 `loop_detected`
 */
export function disconnect(tools: DisconnectTools): GatewayMiddleware {
  const end = async ({
    req,
    response,
    state: { requestId, callerAddress, startedMs },
  }: GatewayContext): Promise<void> => {
    let told = NOBODY;
    let error: Error | null = null;
    try {
      const order = await takeIn(req, callerAddress, tools);
      const parted = partBySfu(order.channels, tools);
      const { attemptTimeoutMs, retryTimeoutMs } = tools.limits;
      const bounds = { attemptTimeoutMs, deadlineMs: startedMs + retryTimeoutMs };
      told = await tellSfus(parted, order, { callerAddress, requestId }, bounds, tools);
      requireAll(told, parted.parts.length);
      response.body = "";
    } catch (thrown) {
      error = toError(thrown);
      throw thrown;
    } finally {
      const outcome = error === null ? "ok" : toGatewayError(error).code;
      const durationMs = tools.clock.monotonic() - startedMs;
      tools.events.emit("disconnect", { requestId, outcome, durationMs, callerAddress, ...told, error });
    }
  };
  return (context) => tools.underWay.add(end(context));
}

async function takeIn(
  request: IncomingMessage,
  callerAddress: string,
  { verify, throttle }: DisconnectTools,
): Promise<DisconnectOrder> {
  refuseLoop(request);
  const token = (await readBody(request, MAX_DISCONNECT_BYTES)).toString();
  const order = await throttle.watch(callerAddress, () => verify(token));
  refuseTooMany(order);
  return order;
}

function refuseTooMany({ channels: { length } }: DisconnectOrder): void {
  if (length <= MAX_DISCONNECT_CHANNELS) return;
  const most = String(MAX_DISCONNECT_CHANNELS);
  const message = `'sessionIdsByChannel' names ${String(length)} channels, and ${most} is the most: send several requests`;
  throw new GatewayError("invalid_claims", message, { status: 422 });
}

/**
 * Where an SFU's `address` is its edge's, and that edge sends every disconnect here, the gateway would be asking itself
 * for ever. Looked for before the token, which is signed with the SFU's key and would be refused for that.
 */
function refuseLoop({ headers: { via = "" } }: IncomingMessage): void {
  const hops = via.split(",").map((hop) => hop.trim().split(/\s+/)[1]);
  if (!hops.includes(VIA)) return;
  const message = "a gateway has sent this already: an SFU's edge must pass what comes from a gateway on to the SFU";
  throw new GatewayError("loop_detected", message, { status: 508 });
}
