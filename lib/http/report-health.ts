import type { Loads } from "../balancing/load.ts";
import type { Clock } from "../clock.ts";
import type { Breakers } from "../failover/breakers.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Availability, BreakerState, Health, Sfu } from "../sfu/sfu.ts";
import type { GatewayMiddleware } from "./context.ts";

/** What is shown of an SFU: never a key. */
export interface SfuReport {
  readonly address: string;
  readonly region: string | null;
  readonly source: Sfu["source"];
  /** Whether it takes new conferences. */
  readonly available: boolean;
  /** Why it does not. */
  readonly out: Exclude<Availability, { kind: "available" }>["why"] | null;
  readonly state: Health["state"];
  /** Why it is in that state, or else why it is out. */
  readonly reason: string | null;
  readonly since: string;
  readonly breaker: BreakerState;
  /** As it was reported last; null where no report is young enough to be believed. */
  readonly load: {
    readonly sessions: number;
    readonly channels: number;
    readonly cpu: number | null;
    readonly memory: number | null;
    readonly maxSessions: number;
    /** Sessions on their way that the report does not show. */
    readonly expected: number;
  } | null;
  /** What it is ranked by, without the distance: lower is better, 1 about full. */
  readonly score: number;
  /** Of the last report, however old; null where there was none. */
  readonly reportAgeMs: number | null;
  readonly draining: boolean;
}

export interface HealthTools {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly breakers: Breakers;
  readonly loads: Loads;
  readonly availabilityOf: (sfu: Sfu) => Availability;
}

/** `GET /v1/health`: the fleet; 200 while one SFU takes new conferences, else 503. */
export function reportHealth(tools: HealthTools): GatewayMiddleware {
  return ({ response }) => {
    const sfus = tools.registry.all().map((sfu) => reportOf(sfu, tools));
    const available = sfus.filter((sfu) => sfu.available).length;
    response.status = available > 0 ? 200 : 503;
    response.body = { status: available > 0 ? "ok" : "unavailable", available, total: sfus.length, sfus };
  };
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
