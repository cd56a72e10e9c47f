import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { createAvailability } from "./balancing/availability.ts";
import { createBalancer } from "./balancing/balancer.ts";
import { createRank } from "./balancing/rank.ts";
import { createShortlist } from "./balancing/shortlist.ts";
import { type Clock, loopIdleMs, loopTurn, type Random } from "./clock.ts";
import { changedKeys } from "./config/changes.ts";
import type { Config, Secrets } from "./config/config.ts";
import { toBlockList } from "./config/schema.ts";
import { toError } from "./errors.ts";
import { Events } from "./events.ts";
import { createBreakers } from "./failover/breakers.ts";
import { createAdmission } from "./http/admission.ts";
import { createArrivals } from "./http/arrivals.ts";
import { callerAddress } from "./http/caller-address.ts";
import { createBacklog } from "./http/backlog.ts";
import { tellBusyTimes } from "./http/busy-times.ts";
import { handleErrors } from "./http/handle-errors.ts";
import { limitRate } from "./http/limit-rate.ts";
import { openRequest } from "./http/open-request.ts";
import { type Readiness, readinessOf } from "./http/report-readiness.ts";
import { createStoreReport } from "./http/report-store.ts";
import { createRouteTable } from "./http/route-table.ts";
import { route } from "./http/routes.ts";
import { createTurnAway } from "./http/turn-away.ts";
import { createUnderWay } from "./http/under-way.ts";
import { logEvents, type Logger } from "./logger.ts";
import { createLoop, LOOK_MS } from "./loop.ts";
import { createMetrics } from "./metrics.ts";
import { createHttpServer } from "./server.ts";
import { type AddressRules, createAddressRules } from "./sfu/registration/address-rules.ts";
import { createChannelHomes } from "./sfu/channel-homes.ts";
import { createSfuClient, type SfuClient } from "./sfu/client.ts";
import { createDrains } from "./sfu/drains.ts";
import { createExchange } from "./sfu/exchange.ts";
import { heedPlacements } from "./sfu/hearsay.ts";
import { createNames, type Resolve } from "./sfu/names.ts";
import { createProber } from "./sfu/prober.ts";
import { createRegistry } from "./sfu/registry.ts";
import { createReportBoard } from "./sfu/report-board.ts";
import type { Sfu } from "./sfu/sfu.ts";
import { createShares } from "./sfu/shares.ts";
import { createExternalSource, type FollowedList } from "./sfu/sources/external.ts";
import { createHeartbeats } from "./sfu/sources/heartbeat.ts";
import { createSourceList } from "./sfu/sources/list.ts";
import { createRegistrations } from "./sfu/sources/registrations.ts";
import { staticSfus } from "./sfu/sources/static.ts";
import { createStatsReader } from "./sfu/stats-reader.ts";
import { sendByHttp } from "./sfu/transport/http.ts";
import { createMemoryStore } from "./store/memory.ts";
import { createRedisStore, type RedisStoreTools } from "./store/redis.ts";
import type { Store } from "./store/store.ts";

export interface AppTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** In place of the one that talks HTTP. */
  readonly client?: SfuClient;
  /** As many connections as the process can have, whatever the configuration says. */
  readonly maxConnections?: number;
  /** In place of the system, for the names of SFUs and of the external list. */
  readonly resolve?: Resolve;
  /** Whether `/metrics` tells of the process too; one gateway a process may. */
  readonly withProcessMetrics?: boolean;
}

export interface App {
  readonly events: Events;
  /** What it answers, like `GET /v1/channel`. */
  routes(): readonly string[];
  /** @returns where it listens */
  listen(): Promise<AddressInfo>;
  /**
   * Goes by this configuration from now on, all at once. Requests in flight end by the one that they began with; SFUs
   * that stay keep their health, breaker, load, drain and assignments. Where it listens, and whom it trusts as a proxy,
   * stays as it was: the environment of a process does not change.
   */
  reconfigure(config: Config, secrets: Secrets): void;
  /** Finishes what is in flight and leaves nothing behind. */
  close(): Promise<void>;
}

/** An answer that waited for the whole budget still has to be written. */
const GRACE_BEYOND_BUDGET_MS = 1000;

/**
 * The composition root: the only place that knows everybody. What remembers something is made once, and learns of other
 * settings by the event `reconfigured`; what does not is made anew with the routes.
 */
export function createApp(initialConfig: Config, initialSecrets: Secrets, tools: AppTools): App {
  const { clock, random, logger, maxConnections = Infinity } = tools;
  let config = initialConfig;
  let secrets = initialSecrets;
  const events = new Events();
  const endLog = logEvents(events, logger, clock);

  const loop = createLoop(clock, { idleMs: loopIdleMs, turn: loopTurn });
  const stopLooking = clock.every(LOOK_MS, () => loop.look());
  const backlog = createBacklog(clock, loopTurn);
  const admission = createAdmission({ clock, loop, backlog, maxRequests: () => config.limits.maxRequests });
  const stopTelling = tellBusyTimes({ clock, events, admission });
  const lagSince = (sinceMs: number): number => loop.lagSince(sinceMs);

  const registry = createRegistry(clock, events);
  const names = createNames({ clock, ...(tools.resolve === undefined ? {} : { resolve: tools.resolve }) });
  const exchange = createExchange({ clock, names, transport: sendByHttp, ca: config.tls.ca });
  let rulesInForce = createAddressRules(config.registration.allow, names);
  const rules: AddressRules = {
    check: (address) => rulesInForce.check(address),
    lookupFor: (address) => rulesInForce.lookupFor(address),
  };
  const client = tools.client ?? createSfuClient(clock, exchange, rules);
  const breakers = createBreakers(config.breaker, clock, events);
  const store = createStore(config, {
    clock,
    random,
    events,
    password: secrets.storePassword,
    sentinelPassword: secrets.sentinelPassword,
    ca: config.tls.ca,
    keys: () => secrets.gatewayKeys,
  });
  const storeReport = createStoreReport({ clock, events, store, isShared: config.store !== null });
  const balancer = createBalancer(config, { clock, random, events, registry });
  const { ledger, loads } = balancer;
  const availabilityOf = createAvailability({ registry, loads, admits: (sfu) => breakers.admits(sfu) });
  const isAvailable = (sfu: Sfu): boolean => availabilityOf(sfu).kind === "available";
  const metrics = createMetrics({
    clock,
    events,
    registry,
    breakers,
    isAvailable,
    loads,
    assignments: store.assignments,
    admission,
    connections: () => server.connections,
    storeReport,
    config: () => config,
    withProcess: tools.withProcessMetrics ?? false,
  });
  const drains = createDrains({ store, registry, events, clock });
  const heartbeats = createHeartbeats({
    clock,
    events,
    registry,
    settings: { ttlMs: config.registration.ttlMs, maxSessions: config.balancing.maxSessions },
    isAway: () => store.isAway(),
  });
  const registrations = createRegistrations({ clock, events, registry, heartbeats, rules, store });
  const watching = { clock, random, events, registry, client };
  const reportsItself = ({ address }: Sfu): boolean => heartbeats.isFresh(address);
  const homes = createChannelHomes(registry, clock);
  const board = createReportBoard({ clock, registry, store, reportsItself });
  const isMine = createShares(store);
  const readings = createStatsReader(config.health, { ...watching, homes, reportsItself, isMine, board });
  const stopProbing = createProber(config, { ...watching, breakers, store, readings, lagSince });
  heedPlacements({ clock, events, registry, ledger, homes, store });
  const externalSource = createExternalSource({ clock, random, events, registry, names });
  const listed = createSourceList(registry, "static");
  listed.take(staticSfus(config, secrets));

  const rank = createRank({
    fleet: registry,
    availabilityOf,
    mayBeTried: (sfu) => breakers.mayBeTried(sfu),
    strategy: balancer.strategy,
    shortlist: createShortlist({ clock, fleet: registry, isAvailable, pick: balancer.shortlist }),
  });
  const limited = limitRate(config, events);
  const disconnects = createUnderWay(clock);

  let draining = false;
  const readiness = (): Readiness => {
    const hasSfu = registry.all().some(isAvailable);
    return readinessOf({ isDraining: draining, hasSfu, isStoreAway: store.isAway() });
  };

  const tableOf = createRouteTable(config, {
    clock,
    events,
    registry,
    store,
    rank,
    ledger,
    loads,
    availabilityOf,
    breakers,
    client,
    lagSince,
    explain: balancer.explainWith(availabilityOf),
    homes,
    drains,
    heartbeats: registrations,
    rules,
    metrics,
    disconnects,
    limited,
    readiness,
    storeReport,
  });
  let routeTable = tableOf(config, secrets);
  let routes = route(routeTable);

  /** Of all configurations so far: a request ends by the one that it began with. */
  let longestBudgetMs = config.failover.retryTimeoutMs;
  const graceMs = (): number => longestBudgetMs + GRACE_BEYOND_BUDGET_MS;
  const arrivals = createArrivals(clock);
  const trustedProxies = trusted(config);
  const server = createHttpServer({
    clock,
    ...config.listen,
    maxConnections: () => Math.min(config.limits.maxConnections, maxConnections),
    onConnection: (socket) => {
      arrivals.opened(socket);
      backlog.connected();
    },
    turnAway: createTurnAway({ admission, backlog, arrivals, events, isDraining: () => draining }),
    onCut: (why, address) => events.emit("connectionCut", { why, address }),
    onRefused: ({ requestId, refusal, socket, request }) => {
      const { code: reason, status, message } = refusal;
      const { method = "-", url: path = "-" } = request ?? {};
      const forwardedFor = request?.headers["x-forwarded-for"]?.toString();
      const address = callerAddress(socket.remoteAddress, forwardedFor, trustedProxies);
      events.emit("rejected", { requestId, reason, status, message, method, path, callerAddress: address });
    },
    graceMs,
    onError: (error) => events.emit("unexpected", { where: "the HTTP server", error: toError(error) }),
    middleware: [
      // Everything below needs the id, the caller and the signal.
      openRequest({ clock, arrivals, trustedProxies, isDraining: () => draining }),
      // Everything below throws.
      handleErrors(events),
      // In force when the request comes; it ends by them, whatever is put in their place meanwhile.
      (context, next) => routes(context, next) as Promise<unknown>,
      // What no route has taken counts as well.
      limited,
    ],
  });

  return {
    events,
    routes: () => routeTable.map(([method, path]) => `${method} ${path}`),
    async listen() {
      await store.open();
      // Of others the store tells by itself.
      if (config.store !== null && !store.isAway()) events.emit("instances", { instances: store.instances() });
      await registrations.settled();
      const address = await server.listen();
      externalSource.follow(listOf(config, secrets));
      return address;
    },
    reconfigure(nextConfig, nextSecrets) {
      // What could fail comes first: all of it is put in force, or nothing.
      const sfus = staticSfus(nextConfig, nextSecrets);
      const nextTable = tableOf(nextConfig, nextSecrets);
      if (nextConfig.tls.ca !== config.tls.ca) exchange.trust(nextConfig.tls.ca);
      routes = route(nextTable);
      routeTable = nextTable;
      const from = config;
      const keysBefore = secrets;
      config = nextConfig;
      secrets = nextSecrets;
      longestBudgetMs = Math.max(longestBudgetMs, config.failover.retryTimeoutMs);
      events.emit("reconfigured", { from, to: config });
      for (const kind of changedKeys(keysBefore, secrets)) events.emit("keysChanged", { kind });
      listed.take(sfus);
      externalSource.follow(listOf(config, secrets));
      if (!isDeepStrictEqual(from.registration.allow, config.registration.allow)) {
        rulesInForce = createAddressRules(config.registration.allow, names);
        void heartbeats.recheck((address) => rules.check(address));
      }
    },
    async close() {
      draining = true;
      const untilMs = clock.monotonic() + graceMs();
      await server.close();
      // Of callers who have hung up the server knows nothing any more.
      await disconnects.ended(untilMs - clock.monotonic());
      externalSource.close();
      heartbeats.close();
      readings.stop();
      stopProbing();
      stopTelling();
      stopLooking();
      breakers.close();
      client.close();
      await store.close();
      endLog();
    },
  };
}

function createStore({ store }: Config, tools: Omit<RedisStoreTools, "settings">): Store {
  return store === null ? createMemoryStore(tools.clock) : createRedisStore({ ...tools, settings: store });
}

/** The external list, null where there is none. */
function listOf(
  { registry: settings, balancing, tls }: Config,
  { registryToken: token }: Secrets,
): FollowedList | null {
  return settings === null ? null : { settings, token, ca: tls.ca, defaults: { maxSessions: balancing.maxSessions } };
}

function trusted({ trustedProxies }: Config): NonNullable<ReturnType<typeof toBlockList>> {
  const list = toBlockList(trustedProxies);
  if (list === null) throw new Error("trusted proxies were not validated");
  return list;
}
