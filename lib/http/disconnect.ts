import type { IncomingMessage } from "node:http";
import type { DisconnectOrder, VerifyDisconnect } from "../auth/verify-disconnect.ts";
import { GatewayError, toError, toGatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import { VIA } from "../sfu/client.ts";
import type { Registry } from "../sfu/registry.ts";
import type { GatewayMiddleware } from "./context.ts";
import { partBySfu } from "./disconnect-parts.ts";
import { readBody } from "./read-body.ts";
import { requireAll, tellSfus, type TellSfusTools, type Told } from "./tell-sfus.ts";

export interface DisconnectTools extends TellSfusTools {
  readonly events: Events;
  readonly registry: Registry;
  readonly homes: ChannelHomes;
  readonly verify: VerifyDisconnect;
}

/**
 * Four times what o-sfu takes: odoo/sfu has no limit, and a body that is for several SFUs is parted. Not more, for what
 * nobody knows the place of goes to every SFU.
 */
export const MAX_DISCONNECT_BYTES = 64 * 1024;

const NOBODY: Told = { channels: 0, unknown: 0, asked: [], failed: [] };

/**
 * `POST /v1/disconnect`: ends sessions on whichever SFUs have them, and says so only where all of these took it. It asks
 * neither a breaker nor who is available, and tells them nothing: those are about new conferences.
 *
 * The caller's signal does not end it. Odoo deletes its sessions whatever the answer, and does not ask again: what it
 * wanted when it hung up it still wants.
 *
 * @throws {GatewayError} 413 `body_too_large`, 422 `missing_token`, `invalid_token` or `invalid_claims`, 502
 *   `disconnect_incomplete`, 508 `loop_detected`
 */
export function disconnect(tools: DisconnectTools): GatewayMiddleware {
  return async ({ req, response, state: { requestId, callerAddress, startedMs } }) => {
    let told = NOBODY;
    let error: Error | null = null;
    try {
      const order = await takeIn(req, tools);
      const parted = partBySfu(order.channels, tools);
      told = await tellSfus(parted, order, { callerAddress, requestId }, tools);
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
}

async function takeIn(request: IncomingMessage, { events, verify }: DisconnectTools): Promise<DisconnectOrder> {
  try {
    refuseLoop(request);
    return await verify((await readBody(request, MAX_DISCONNECT_BYTES)).toString());
  } catch (error) {
    if (error instanceof GatewayError && error.code !== "caller_gone") events.emit("rejected", { reason: error.code });
    throw error;
  }
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
