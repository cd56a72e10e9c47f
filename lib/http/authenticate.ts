import { createHash } from "node:crypto";
import { outgoingClaims } from "../auth/resign.ts";
import type { Verify } from "../auth/verify.ts";
import { GatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/** Lets through only what was signed with one of the gateway's keys and names a conference. */
export function authenticate(verify: Verify, events: Events): GatewayMiddleware {
  return async (context, next) => {
    try {
      const verified = await verify(context.get("authorization"));
      context.state.authenticated = { conference: idOf(verified.conference), payload: outgoingClaims(verified) };
    } catch (error) {
      if (error instanceof GatewayError) events.emit("rejected", { reason: error.code });
      throw error;
    }
    await next();
  };
}

/** The id of a conference by its name. SHA-256: as long for every conference, however long its name, which is nobody else's business. */
export function idOf(conference: string): string {
  return createHash("sha256").update(conference).digest("hex");
}
