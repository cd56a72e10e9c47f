import { hash } from "node:crypto";
import { outgoingClaims } from "../auth/resign.ts";
import type { Throttle } from "../auth/throttle.ts";
import type { Verify } from "../auth/verify.ts";
import type { GatewayMiddleware } from "./context.ts";

/** Lets through only what was signed with one of the gateway's keys and names a conference. */
export function authenticate(verify: Verify, throttle: Throttle): GatewayMiddleware {
  return async (context, next) => {
    const { state } = context;
    const verified = await throttle.watch(state.callerAddress, () => verify(context.get("authorization")));
    state.authenticated = { conference: idOf(verified.conference), payload: outgoingClaims(verified) };
    await next();
  };
}

/** The id of a conference by its name. SHA-256: as long for every conference, however long its name, which is nobody else's business. */
export function idOf(conference: string): string {
  return hash("sha256", conference);
}
