import type { ReadinessReport } from "../api/life.ts";
import type { GatewayMiddleware } from "./context.ts";

export type Readiness = ReadinessReport["status"];

/** `GET /readyz`: whether a load balancer should send calls here. */
export function reportReadiness(readiness: () => Readiness): GatewayMiddleware {
  return ({ response }) => {
    const status = readiness();
    response.status = status === "ready" ? 200 : 503;
    const body: ReadinessReport = { status };
    response.body = body;
  };
}
