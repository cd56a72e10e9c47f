import type { Secret } from "../auth/secret.ts";
import { GatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/**
 * Lets through only who shows the admin token.
 *
 * @throws {GatewayError} 401 `missing_token` or `invalid_token`
 */
export function requireAdmin(token: Secret, events: Events): GatewayMiddleware {
  return async (context, next) => {
    const refusal = refusalOf(context.get("authorization"), token);
    if (refusal !== null) {
      events.emit("rejected", { reason: refusal.code });
      throw refusal;
    }
    await next();
  };
}

function refusalOf(authorization: string, token: Secret): GatewayError | null {
  const given = /^Bearer +(.+)$/i.exec(authorization)?.[1];
  if (given === undefined) {
    return new GatewayError("missing_token", "expected 'Authorization: Bearer <the admin token>'", { status: 401 });
  }
  // Node reads every header as Latin-1; who writes it, writes UTF-8.
  if (token.equals(Buffer.from(given, "latin1").toString())) return null;
  return new GatewayError("invalid_token", "this is not the gateway's admin token", { status: 401 });
}
