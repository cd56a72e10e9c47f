import type { HeartbeatTaken } from "../api/sfu.ts";
import type { Replays } from "../auth/replays.ts";
import type { Throttle } from "../auth/throttle.ts";
import type { VerifyHeartbeat } from "../auth/verify-heartbeat.ts";
import { toGatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { AddressRules } from "../sfu/registration/address-rules.ts";
import { addressIn, parseBody, toHeartbeat } from "../sfu/registration/heartbeat.ts";
import type { Registrations } from "../sfu/sources/registrations.ts";
import type { GatewayMiddleware } from "./context.ts";
import { readBody } from "./read-body.ts";

export interface RegisterSfuTools {
  readonly events: Events;
  readonly verify: VerifyHeartbeat;
  readonly throttle: Throttle;
  readonly replays: Replays;
  readonly rules: AddressRules;
  readonly heartbeats: Pick<Registrations, "take" | "isListed">;
}

/** Some thirty times a heartbeat with a long key. */
export const MAX_HEARTBEAT_BYTES = 16 * 1024;

/**
 * `POST /v1/sfu`: an SFU registers, says how it is, or signs off. Nothing is read of the body before the token has been
 * verified, and nothing changes before all else has been checked.
 *
 * @throws {GatewayError} 400 `invalid_heartbeat`, 401 `missing_token`, `invalid_token` or `replayed`, 403
 *   `address_not_allowed` or `fleet_full`, 413 `body_too_large`, 429 `rate_limited`
 */
export function registerSfu(tools: RegisterSfuTools): GatewayMiddleware {
  const { events, verify, throttle, replays, rules, heartbeats } = tools;
  return async ({ req, response, state: { callerAddress } }) => {
    let address: string | null = null;
    try {
      const token = await throttle.watch(callerAddress, () => verify(req.headers.authorization));
      const body = await readBody(req, MAX_HEARTBEAT_BYTES);
      const json = parseBody(body);
      address = addressIn(json);
      const heartbeat = toHeartbeat(json);
      // The rules are about who may come in; those that the operator has listed are in.
      if (!heartbeats.isListed(heartbeat.address)) await rules.check(heartbeat.address);
      // From here on nothing waits: of two alike that arrive together, one is the replay.
      const taken = replays.once({ token, address: heartbeat.address, body }, () => heartbeats.take(heartbeat, json));
      const answer: HeartbeatTaken = { result: "ok", ...taken };
      response.body = answer;
      events.emit("heartbeat", { outcome: "ok", address, error: null });
    } catch (thrown) {
      const error = toGatewayError(thrown);
      events.emit("heartbeat", { outcome: error.code, address, error });
      throw thrown;
    }
  };
}
