import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";
import { shareCost } from "../share-cost.ts";
import type { GatewayMiddleware } from "./context.ts";

/** `GET /metrics`, for Prometheus. */
export function showMetrics(clock: Clock, metrics: Metrics): GatewayMiddleware {
  const expose = shareCost(clock, () => metrics.expose());
  return async ({ response }) => {
    response.type = metrics.contentType;
    response.body = await expose();
  };
}
