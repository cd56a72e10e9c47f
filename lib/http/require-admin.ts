import type { Secret } from "../auth/secret.ts";
import type { Throttle } from "../auth/throttle.ts";
import { GatewayError } from "../errors.ts";
import type { GatewayMiddleware } from "./context.ts";

/**
 * Lets through only who shows the admin token.
 *
 * @throws {GatewayError} 401 `missing_token` or `invalid_token`, 429 `rate_limited`
 */
export function requireAdmin(token: Secret, throttle: Throttle): GatewayMiddleware {
  return async (context, next) => {
    await throttle.watch(context.state.callerAddress, () => check(context.get("authorization"), token));
    await next();
  };
}

function check(authorization: string, token: Secret): void {
  const given = /^Bearer +(.+)$/i.exec(authorization)?.[1];
  if (given === undefined) {
    throw new GatewayError("missing_token", "expected 'Authorization: Bearer <the admin token>'", { status: 401 });
  }
  // Node reads every header as Latin-1; who writes it, writes UTF-8.
  if (token.equals(Buffer.from(given, "latin1").toString())) return;
  throw new GatewayError("invalid_token", "this is not the gateway's admin token", { status: 401 });
}
