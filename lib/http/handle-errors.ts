import type { ErrorAnswer } from "../api/error.ts";
import { GatewayError, toError, toGatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/** The one catch: everything below throws, everything above sees an answer. */
export function handleErrors(events: Events): GatewayMiddleware {
  return async (context, next) => {
    try {
      await next();
      if (context.body === undefined) refuseUnrouted(context.status);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code === "internal") events.emit("unexpected", { where: context.path, error: toError(thrown) });
      context.status = error.status;
      if (error.retryAfterS !== null) context.set("Retry-After", String(error.retryAfterS));
      const { code, message } = error;
      const { requestId } = context.state;
      const body: Readonly<Record<keyof ErrorAnswer, string>> = { error: code, message, requestId };
      context.body = body;
    }
  };
}

/** The router leaves a status and no body; it has set Allow where that is due. */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new GatewayError("not_found", "no such route", { status });
  if (status === 405) throw new GatewayError("method_not_allowed", "this route has no such method", { status });
}
