import type { AddressInfo } from "node:net";
import { createVerifier } from "./auth/verify.ts";
import { createAffinity } from "./balancing/affinity.ts";
import { createGeo } from "./balancing/geo.ts";
import { createRank } from "./balancing/rank.ts";
import { strategies } from "./balancing/strategies/table.ts";
import type { Clock } from "./clock.ts";
import type { Config, Secrets } from "./config/config.ts";
import { toBlockList } from "./config/schema.ts";
import { toError } from "./errors.ts";
import { Events } from "./events.ts";
import { createBreakers } from "./failover/breakers.ts";
import { createCoalescer } from "./failover/coalesce.ts";
import { type Chain, createFailover, type Served } from "./failover/pipeline.ts";
import { answerLiveness } from "./http/answer-liveness.ts";
import { createArrivals } from "./http/arrivals.ts";
import { authenticate } from "./http/authenticate.ts";
import { getChannel } from "./http/get-channel.ts";
import { handleErrors } from "./http/handle-errors.ts";
import { openRequest } from "./http/open-request.ts";
import { recordChannelRequest } from "./http/record-channel-request.ts";
import { reportHealth } from "./http/report-health.ts";
import { type Readiness, reportReadiness } from "./http/report-readiness.ts";
import { route } from "./http/routes.ts";
import { showMetrics } from "./http/show-metrics.ts";
import { logEvents, type Logger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";
import { createHttpServer } from "./server.ts";
import { createSfuClient, type SfuClient } from "./sfu/client.ts";
import { createRegistry } from "./sfu/registry.ts";
import { isAvailable, type Sfu } from "./sfu/sfu.ts";
import { staticSfus } from "./sfu/sources/static.ts";
import { watchAttempts } from "./sfu/watch.ts";

export interface AppTools {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In place of the one that talks HTTP. */
  readonly client?: SfuClient;
  /** Whether `/metrics` tells of the process too; one gateway a process may. */
  readonly withProcessMetrics?: boolean;
}

export interface App {
  readonly events: Events;
  /** @returns where it listens */
  listen(): Promise<AddressInfo>;
  /** Finishes what is in flight and leaves nothing behind. */
  close(): Promise<void>;
}

/** An answer that waited for the whole budget still has to be written. */
const GRACE_BEYOND_BUDGET_MS = 1000;

/** The composition root: the only place that knows everybody. */
export function createApp(config: Config, secrets: Secrets, tools: AppTools): App {
  const { clock, logger } = tools;
  const events = new Events();
  logEvents(events, logger);

  const geo = createGeo(config.regions);
  const registry = createRegistry(events);
  const client = tools.client ?? createSfuClient(clock);
  const breakers = createBreakers(config.breaker, clock, events);
  const canBeAsked = (sfu: Sfu): boolean => isAvailable(registry.health(sfu), { admits: breakers.admits(sfu) });
  const affinity = createAffinity(config.affinity.ttlMs, clock);
  const metrics = createMetrics({
    events,
    registry,
    breakers,
    canBeAsked,
    affinity,
    withProcess: tools.withProcessMetrics ?? false,
  });
  const stopWatching = watchAttempts(config.health, { clock, events, registry, client });
  for (const sfu of staticSfus(config, secrets)) registry.add(sfu);

  const available = (): readonly Sfu[] => registry.all().filter(canBeAsked);
  const strategy = strategies[config.balancing.strategy]({
    placeOf: ({ region }) => (region === null ? null : geo.region(region)),
  });
  const rank = createRank({ available, affinity, strategy });
  const failover = createFailover(config.failover, { clock, events, rank, affinity, breakers, client });
  const coalescer = createCoalescer<Served, Chain>(clock);
  const verify = createVerifier(secrets.gatewayKeys, clock);

  let draining = false;
  const readiness = (): Readiness =>
    draining ? "draining" : registry.all().some(canBeAsked) ? "ready" : "no_sfu_available";

  const arrivals = createArrivals(clock);
  const server = createHttpServer({
    clock,
    ...config.listen,
    onConnection: (socket) => arrivals.opened(socket),
    graceMs: config.failover.retryTimeoutMs + GRACE_BEYOND_BUDGET_MS,
    onError: (error) => events.emit("unexpected", { where: "the HTTP server", error: toError(error) }),
    middleware: [
      // Everything below needs the id, the caller and the signal.
      openRequest({ clock, arrivals, trustedProxies: trusted(config), isDraining: () => draining }),
      // Everything below throws.
      handleErrors(events),
      ...route([
        [
          "GET",
          "/v1/channel",
          // Around authentication: refusals are counted and logged too.
          recordChannelRequest(clock, events),
          authenticate(verify, events),
          getChannel({ clock, events, geo, coalescer, failover, budgetMs: config.failover.retryTimeoutMs }),
        ],
        ["GET", "/v1/health", reportHealth(registry, breakers, canBeAsked)],
        ["GET", "/healthz", answerLiveness({ status: "ok" })],
        ["GET", "/readyz", reportReadiness(readiness)],
        ["GET", "/noop", answerLiveness({ status: "ok" })],
        ["GET", "/v1/noop", answerLiveness({ result: "ok" })],
        ["GET", "/metrics", showMetrics(metrics)],
      ]),
    ],
  });

  return {
    events,
    listen: () => server.listen(),
    async close() {
      draining = true;
      await server.close();
      stopWatching();
      breakers.close();
      client.close();
    },
  };
}

function trusted({ trustedProxies }: Config): NonNullable<ReturnType<typeof toBlockList>> {
  const list = toBlockList(trustedProxies);
  if (list === null) throw new Error("trusted proxies were not validated");
  return list;
}
