import type { ReadinessReport } from "../api/life.ts";
import type { GatewayMiddleware } from "./context.ts";

export type Readiness = ReadinessReport["status"];

export interface Situation {
  /** Whether the gateway is shutting down. */
  readonly isDraining: boolean;
  /** Whether an SFU takes new conferences. */
  readonly hasSfu: boolean;
  readonly isStoreAway: boolean;
}

/** What keeps callers from being served comes first. */
export function readinessOf({ isDraining, hasSfu, isStoreAway }: Situation): Readiness {
  if (isDraining) return "draining";
  if (!hasSfu) return "no_sfu_available";
  return isStoreAway ? "degraded" : "ready";
}

/**
 * `GET /readyz`: whether a load balancer should send calls here. Without the others a gateway still serves them, and all are
 * without at the same time: whoever took it out for that would take out all.
 */
export function reportReadiness(readiness: () => Readiness): GatewayMiddleware {
  return ({ response }) => {
    const status = readiness();
    response.status = status === "ready" || status === "degraded" ? 200 : 503;
    const body: ReadinessReport = { status };
    response.body = body;
  };
}
