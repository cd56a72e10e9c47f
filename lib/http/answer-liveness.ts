import type { GatewayMiddleware } from "./context.ts";

/** `/healthz`, `/noop` and `/v1/noop`: the process answers, so it lives. */
export function answerLiveness(body: Readonly<Record<string, string>>): GatewayMiddleware {
  return ({ response }) => {
    response.body = body;
  };
}
