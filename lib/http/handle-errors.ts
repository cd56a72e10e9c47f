import { GatewayError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/** The one catch: everything below throws, everything above sees an answer. */
export function handleErrors(events: Events): GatewayMiddleware {
  return async (context, next) => {
    try {
      await next();
      if (context.status === 404 && context.body === undefined) {
        throw new GatewayError("not_found", "no such route", { status: 404 });
      }
    } catch (thrown) {
      const error = asGatewayError(thrown);
      if (error.code === "internal") events.emit("unexpected", { where: context.path, error: toError(thrown) });
      context.status = error.status;
      if (error.retryAfterS !== null) context.set("Retry-After", String(error.retryAfterS));
      context.body = { error: error.code, message: error.message, requestId: context.state.requestId };
    }
  };
}

/** What nobody foresaw becomes a 500 that tells the caller nothing. */
function asGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "something went wrong inside the gateway", { status: 500, cause: thrown });
}
