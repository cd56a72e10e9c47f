import type { Metrics } from "../metrics.ts";
import type { GatewayMiddleware } from "./context.ts";

/** `GET /metrics`, for Prometheus. */
export function showMetrics(metrics: Metrics): GatewayMiddleware {
  return async ({ response }) => {
    response.type = metrics.contentType;
    response.body = await metrics.expose();
  };
}
