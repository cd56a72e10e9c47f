import type { FleetReport, SfuReport, StoreReport } from "../api/fleet.ts";
import type { Loads } from "../balancing/load.ts";
import type { Clock } from "../clock.ts";
import type { Breakers } from "../failover/breakers.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Availability, Sfu } from "../sfu/sfu.ts";
import { shareCost } from "../share-cost.ts";
import type { GatewayMiddleware } from "./context.ts";

export interface HealthTools {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly breakers: Breakers;
  readonly loads: Loads;
  readonly availabilityOf: (sfu: Sfu) => Availability;
  readonly storeReport: () => StoreReport | null;
}

/** `GET /v1/health`: the fleet; 200 while one SFU takes new conferences, else 503. */
export function reportHealth(tools: HealthTools): GatewayMiddleware {
  const report = shareCost(tools.clock, () => {
    const fleet = fleetReport(tools);
    return { status: fleet.available > 0 ? 200 : 503, json: JSON.stringify(fleet) };
  });
  return async ({ response }) => {
    const { status, json } = await report();
    response.status = status;
    response.type = "application/json";
    response.body = json;
  };
}

/** The fleet at this moment. */
export function fleetReport(tools: HealthTools): FleetReport {
  const sfus = tools.registry.all().map((sfu) => reportOf(sfu, tools));
  const available = sfus.filter((sfu) => sfu.available).length;
  const status = available > 0 ? "ok" : "unavailable";
  return { status, available, total: sfus.length, store: tools.storeReport(), sfus };
}

function reportOf(sfu: Sfu, { clock, registry, breakers, loads, availabilityOf }: HealthTools): SfuReport {
  const health = registry.health(sfu);
  const availability = availabilityOf(sfu);
  const latest = registry.report(sfu);
  const out = availability.kind === "available" ? null : availability;
  return {
    address: sfu.address,
    region: sfu.region,
    source: sfu.source,
    available: out === null,
    out: out?.why ?? null,
    state: health.state,
    reason: "reason" in health ? health.reason : (out?.reason ?? null),
    since: new Date(health.sinceMs).toISOString(),
    breaker: breakers.state(sfu),
    load: loadOf(sfu, loads),
    score: rounded(loads.totalOf(sfu)),
    reportAgeMs: latest === null ? null : Math.round(clock.monotonic() - latest.atMs),
    draining: registry.isDraining(sfu),
  };
}

function loadOf(sfu: Sfu, loads: Loads): SfuReport["load"] {
  const report = loads.report(sfu);
  if (report === null) return null;
  const { sessions, channels, cpu, memory } = report;
  return { sessions, channels, cpu, memory, maxSessions: sfu.maxSessions, expected: rounded(loads.expected(sfu)) };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
