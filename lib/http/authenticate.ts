import type { Verify } from "../auth/verify.ts";
import { GatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/** Lets through only what was signed with one of the gateway's keys and names a conference. */
export function authenticate(verify: Verify, events: Events): GatewayMiddleware {
  return async (context, next) => {
    try {
      context.state.verified = await verify(context.get("authorization"));
    } catch (error) {
      if (error instanceof GatewayError) events.emit("rejected", { reason: error.code });
      throw error;
    }
    await next();
  };
}
