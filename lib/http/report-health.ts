import type { BreakerState, Health, Sfu } from "../sfu/sfu.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Breakers } from "../failover/breakers.ts";
import type { GatewayMiddleware } from "./context.ts";

/** One SFU as `/v1/health` shows it. What no source reports yet is null. */
export interface SfuReport {
  readonly address: string;
  readonly region: string | null;
  readonly source: Sfu["source"];
  readonly available: boolean;
  readonly state: Health["state"];
  readonly reason: string | null;
  readonly since: string | null;
  readonly breaker: BreakerState;
  readonly load: null;
  readonly score: null;
  readonly reportAgeMs: null;
  readonly draining: false;
}

/** `GET /v1/health`: the fleet; 200 while one SFU can be asked, else 503. */
export function reportHealth(
  registry: Registry,
  breakers: Breakers,
  canBeAsked: (sfu: Sfu) => boolean,
): GatewayMiddleware {
  return ({ response }) => {
    const sfus = registry.all().map((sfu) => reportOf(sfu, registry.health(sfu), breakers.state(sfu), canBeAsked(sfu)));
    const available = sfus.filter((sfu) => sfu.available).length;
    response.status = available > 0 ? 200 : 503;
    response.body = { status: available > 0 ? "ok" : "unavailable", available, total: sfus.length, sfus };
  };
}

function reportOf(sfu: Sfu, health: Health, breaker: BreakerState, available: boolean): SfuReport {
  return {
    address: sfu.address,
    region: sfu.region,
    source: sfu.source,
    available,
    state: health.state,
    reason: "reason" in health ? health.reason : null,
    since: "sinceMs" in health ? new Date(health.sinceMs).toISOString() : null,
    breaker,
    load: null,
    score: null,
    reportAgeMs: null,
    draining: false,
  };
}
