import type { GatewayMiddleware } from "./context.ts";

export type Readiness = "ready" | "draining" | "no_sfu_available";

/** `GET /readyz`: whether a load balancer should send calls here. */
export function reportReadiness(readiness: () => Readiness): GatewayMiddleware {
  return ({ response }) => {
    const status = readiness();
    response.status = status === "ready" ? 200 : 503;
    response.body = { status };
  };
}
