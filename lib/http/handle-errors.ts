import { GatewayError, isRejection, toError, toGatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";
import { errorBody } from "./error-body.ts";

/** The one catch: everything below throws, everything above sees an answer. So it is here that all rejections are seen. */
export function handleErrors(events: Events): GatewayMiddleware {
  return async (context, next) => {
    try {
      await next();
      if (context.body === undefined) refuseUnrouted(context.status);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code === "internal") events.emit("unexpected", { where: context.path, error: toError(thrown) });
      const { code, status, message } = error;
      const { requestId, callerAddress } = context.state;
      if (isRejection(code)) {
        const { method, path } = context;
        events.emit("rejected", { requestId, reason: code, status, message, method, path, callerAddress });
      }
      context.status = status;
      if (error.retryAfterS !== null) context.set("Retry-After", String(error.retryAfterS));
      context.body = errorBody(error, requestId);
    }
  };
}

/** The router leaves a status and no body; it has set Allow where that is due. */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new GatewayError("not_found", "no such route", { status });
  if (status === 405) throw new GatewayError("method_not_allowed", "this route has no such method", { status });
}
