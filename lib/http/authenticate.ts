import { hash } from "node:crypto";
import { outgoingClaims } from "../auth/resign.ts";
import type { Throttle } from "../auth/throttle.ts";
import type { Verified, Verify } from "../auth/verify.ts";
import type { GatewayMiddleware } from "./context.ts";

/** Lets through only what was signed with one of the gateway's keys and names a conference. */
export function authenticate(verify: Verify, throttle: Throttle): GatewayMiddleware {
  return (context, next) => {
    const { state } = context;
    const goOn = (verified: Verified): Promise<unknown> => {
      state.authenticated = { conference: idOf(verified.conference), payload: outgoingClaims(verified) };
      return next();
    };
    const verified = throttle.watch(state.callerAddress, () => verify(context.get("authorization")));
    return verified instanceof Promise ? verified.then(goOn) : goOn(verified);
  };
}

/** The id of a conference by its name. SHA-256: as long for every conference, however long its name, which is nobody else's business. */
export function idOf(conference: string): string {
  return hash("sha256", conference);
}
