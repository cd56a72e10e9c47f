import { createDisconnectVerifier } from "../auth/verify-disconnect.ts";
import { createHeartbeatVerifier } from "../auth/verify-heartbeat.ts";
import { createReplays } from "../auth/replays.ts";
import { createThrottles } from "../auth/throttle.ts";
import { createVerifier } from "../auth/verify.ts";
import { createAffinity } from "../balancing/affinity.ts";
import type { Balancer } from "../balancing/balancer.ts";
import { createGeo } from "../balancing/geo.ts";
import type { Config, Secrets } from "../config/config.ts";
import { createCoalescer } from "../failover/coalesce.ts";
import { type Chain, createFailover, type FailoverTools, type Served } from "../failover/pipeline.ts";
import type { Metrics } from "../metrics.ts";
import type { AddressRules } from "../sfu/registration/address-rules.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import type { Drains } from "../sfu/drains.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Registrations } from "../sfu/sources/registrations.ts";
import type { Store } from "../store/store.ts";
import { answerLiveness } from "./answer-liveness.ts";
import { authenticate } from "./authenticate.ts";
import { disconnect } from "./disconnect.ts";
import { drainSfu } from "./drain-sfu.ts";
import { explainRanking } from "./explain.ts";
import { getChannel } from "./get-channel.ts";
import type { GatewayMiddleware } from "./context.ts";
import { recentFailovers } from "./recent-failovers.ts";
import { recordChannelRequest } from "./record-channel-request.ts";
import { registerSfu } from "./register-sfu.ts";
import { reportDashboard } from "./report-dashboard.ts";
import { fleetReport, type HealthTools, reportHealth } from "./report-health.ts";
import { type Readiness, reportReadiness } from "./report-readiness.ts";
import { requireAdmin } from "./require-admin.ts";
import type { Route } from "./routes.ts";
import { showDashboard } from "./show-dashboard.ts";
import { showMetrics } from "./show-metrics.ts";
import { createFanOut } from "./tell-sfus.ts";
import type { UnderWay } from "./under-way.ts";

/** What the routes are made of. */
export interface RouteParts extends Omit<FailoverTools, "affinity">, Omit<HealthTools, "registry" | "breakers"> {
  readonly registry: Registry;
  readonly store: Store;
  readonly explain: ReturnType<Balancer["explainWith"]>;
  readonly homes: ChannelHomes;
  readonly drains: Drains;
  readonly heartbeats: Registrations;
  readonly rules: AddressRules;
  readonly metrics: Metrics;
  readonly disconnects: UnderWay;
  readonly limited: GatewayMiddleware;
  readonly readiness: () => Readiness;
}

/**
 * What remembers something is made here, once.
 *
 * @returns makes the table of one configuration
 */
export function createRouteTable(initial: Config, parts: RouteParts): (config: Config, secrets: Secrets) => Route[] {
  const { clock, events, registry, breakers, client, loads, availabilityOf, store, rules, heartbeats } = parts;
  const { homes, drains, metrics, limited, disconnects, explain, readiness, storeReport } = parts;
  const coalescer = createCoalescer<Served, Chain>(clock);
  const replays = createReplays(clock);
  const throttles = createThrottles(initial.authFailures, events);
  const fanOut = createFanOut();
  const fleet = { clock, registry, breakers, loads, availabilityOf, storeReport };
  const page = showDashboard();
  const failovers = recentFailovers(clock, events);
  const pageData = reportDashboard({ clock, fleet: () => fleetReport(fleet), failovers });

  return (config, secrets) => {
    const geo = createGeo(config.regions);
    const affinity = createAffinity(config.affinity.ttlMs, store);
    const failover = createFailover(config.failover, { ...parts, affinity });
    return [
      [
        "GET",
        "/v1/channel",
        // Around authentication: refusals are counted and logged too.
        recordChannelRequest(clock, events),
        limited,
        authenticate(createVerifier(secrets.gatewayKeys, clock), throttles.odoo),
        getChannel({ clock, events, geo, coalescer, failover, homes, budgetMs: config.failover.retryTimeoutMs }),
      ],
      [
        "POST",
        "/v1/disconnect",
        limited,
        disconnect({
          clock,
          events,
          registry,
          homes,
          client,
          fanOut,
          underWay: disconnects,
          verify: createDisconnectVerifier(secrets.gatewayKeys, clock),
          throttle: throttles.odoo,
          limits: config.failover,
        }),
      ],
      ["GET", "/v1/health", limited, reportHealth(fleet)],
      ["GET", "/dashboard", limited, page],
      ["GET", "/dashboard/data", limited, pageData],
      // Whoever watches the gateway must be able to see that it is flooded.
      ["GET", "/healthz", answerLiveness({ status: "ok" })],
      ["GET", "/readyz", reportReadiness(readiness)],
      ["GET", "/noop", answerLiveness({ status: "ok" })],
      ["GET", "/v1/noop", answerLiveness({ result: "ok" })],
      ["GET", "/metrics", showMetrics(clock, metrics)],
      // No key and no token that opens them, no route.
      ...where(secrets.registrationKey, (key) => [
        [
          "POST",
          "/v1/sfu",
          limited,
          registerSfu({
            events,
            verify: createHeartbeatVerifier(key, clock),
            throttle: throttles.registration,
            replays,
            rules,
            heartbeats,
          }),
        ],
      ]),
      ...where(secrets.adminToken, (token) => {
        const admin = requireAdmin(token, throttles.admin);
        return [
          ["POST", "/v1/sfu/drain", limited, admin, drainSfu({ registry, drains }, true)],
          ["POST", "/v1/sfu/undrain", limited, admin, drainSfu({ registry, drains }, false)],
          ["GET", "/v1/explain", limited, admin, explainRanking(config, { geo, affinity, explain })],
        ];
      }),
    ];
  };
}

function where<Secret>(secret: Secret | null, routes: (secret: Secret) => Route[]): Route[] {
  return secret === null ? [] : routes(secret);
}
