import type { LivenessReport } from "../api/life.ts";
import type { GatewayMiddleware } from "./context.ts";

/** `/healthz`, `/noop` and `/v1/noop`: the process answers, so it lives. */
export function answerLiveness(body: LivenessReport): GatewayMiddleware {
  return ({ response }) => {
    response.body = body;
  };
}
