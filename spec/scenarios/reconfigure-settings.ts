import type { Config } from "../../lib/config/config.ts";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import type { GatewaySetup } from "../support/gateway.ts";
import { ask } from "../support/request.ts";
import { callRaw } from "../support/sockets.ts";
import { claimsOf, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";
import { LIST_TOKEN, OPEN, type SetupOf, type Stage, type StageOptions } from "./reconfigure-stage.ts";
import { Secret } from "../../lib/auth/secret.ts";

/** What shows that a setting has an effect once it was reloaded, and had none before. */
export interface Demonstration extends StageOptions {
  readonly setup: SetupOf;
  /** What has to have happened before it can be seen. */
  readonly prepare?: (stage: Stage) => Promise<unknown>;
  /** The reload; it changes this one setting. */
  readonly change: (stage: Stage) => Partial<GatewaySetup>;
  /** Looked at before and after, through doors that users have. */
  readonly observe: (stage: Stage) => Promise<unknown>;
  readonly before: unknown;
  readonly after: unknown;
}

const all: SetupOf = (sfus) => ({ sfus });
const registering: SetupOf = () => ({ sfus: [], env: OPEN, registration: { allow: ["http://127.0.0.1"] } });
const SECOND_MS = 1000;
const AUTHORITY = makeAuthority();

/** Two SFUs that tell these loads by heartbeats; the first is better off until the reload. */
function rivals(
  ...says: readonly [Parameters<Stage["beat"]>[1], Parameters<Stage["beat"]>[1]]
): Pick<Demonstration, "sfus" | "setup" | "prepare" | "observe" | "before" | "after"> {
  return {
    sfus: 2,
    setup: (...sources) => ({ ...registering(...sources), balancing: { strategy: "load" } }),
    prepare: (stage) => Promise.all(says.map((what, index) => stage.beat(index, what))),
    observe: (stage) => stage.servedBy("country=FR"),
    before: 0,
    after: 1,
  };
}

const weights = (parts: Partial<Config["balancing"]["weights"]>): Partial<GatewaySetup> => ({
  balancing: { weights: { sessions: 0.5, cpu: 0.3, memory: 0.2, distance: 1, ...parts } },
});

/** One SFU that tells this load by itself, and is full after the reload. */
const full = (says: Parameters<Stage["beat"]>[1]): Omit<Demonstration, "change"> => ({
  setup: registering,
  prepare: (stage) => stage.beat(0, says),
  observe: (stage) => stage.servedBy(),
  before: 0,
  after: "overloaded",
});

/** Two SFUs far from each other on one map, and a call from France. */
const onTheMap = (here: Config["regions"][string], moved: Config["regions"][string]): Demonstration => {
  const regions = { here, there: { latitude: 20, longitude: 20 } };
  return {
    sfus: 2,
    setup: ([first, second]) => ({
      sfus: [
        { ...first, region: "here" },
        { ...second, region: "there" },
      ],
      regions,
    }),
    change: () => ({ regions: { ...regions, here: moved } }),
    observe: (stage) => stage.servedBy("country=FR"),
    before: 0,
    after: 1,
  };
};

const GARBAGE = { headers: { authorization: "Bearer garbage" } };
type Ask = (stage: Stage) => Promise<Response>;

/** How many of six, a minute after the last ones, are answered with `status`: as many as there may be. */
const limited = (ask: Ask, status: number): Pick<Demonstration, "observe" | "before" | "after"> => ({
  async observe(stage) {
    await stage.pass(60 * SECOND_MS);
    const statuses: number[] = [];
    while (statuses.length < 6) statuses.push((await ask(stage)).status);
    return statuses.filter((one) => one === status).length;
  },
  before: 2,
  after: 4,
});

/** What a request gets two seconds after another one. */
const limitedAgain = (ask: Ask): Pick<Demonstration, "observe" | "before"> => ({
  async observe(stage) {
    await stage.pass(60 * SECOND_MS);
    await ask(stage);
    await stage.pass(2 * SECOND_MS);
    return (await ask(stage)).status;
  },
  before: 429,
});

/** How many requests for `path` an SFU sees in ten seconds. */
const countOf =
  (path: string) =>
  async (stage: Stage): Promise<string> => {
    const [sfu] = stage.fleet.sfus;
    sfu!.clearRequests();
    await stage.pass(10 * SECOND_MS);
    const count = sfu!.requests.filter((request) => request.path === path).length;
    // At 75 to 95 % of the interval.
    return count <= 2 ? "seldom" : count >= 10 && count <= 14 ? "every second" : String(count);
  };

const stateOf = async (stage: Stage): Promise<unknown> => (await stage.healthOf(0))?.state;
const breakerOf = async (stage: Stage): Promise<unknown> => (await stage.healthOf(0))?.breaker;

/** The state of the first one's breaker, when no trial is under way. */
const settled = async (stage: Stage): Promise<unknown> => {
  await eventually("no trial is under way", async () => (await breakerOf(stage)) !== "half_open");
  return breakerOf(stage);
};

/** The addresses that the gateway knows, by the numbers of their SFUs. */
const known = async (stage: Stage): Promise<readonly number[]> =>
  (await stage.health()).map(({ address }) => stage.fleet.sfus.findIndex((sfu) => sfu.address === address));

const afterReading = async (stage: Stage): Promise<readonly number[]> => {
  await stage.pass(SECOND_MS);
  return known(stage);
};

const slow = (stage: Stage, delayMs: number): Promise<void> => stage.fleet.break({ kind: "slow", delayMs }, 0);

const statusWith =
  (key: string) =>
  (stage: Stage): Promise<number> =>
    stage.gateway.join({ token: token({ claims: claimsOf("a room"), key }) }).then(({ status }) => status);

/** By the operator's name for it. */
export const demonstrations: Readonly<Record<string, Demonstration>> = {
  "[[sfu]] address": {
    sfus: 2,
    setup: ([first]) => ({ sfus: [first!] }),
    change: ({ entries }) => ({ sfus: entries }),
    observe: async (stage) => new Set([await stage.servedBy(), await stage.servedBy()]).size,
    before: 1,
    after: 2,
  },
  "[[sfu]] key": {
    setup: ([first]) => ({ sfus: [{ ...first, key: sfuKey(9) }] }),
    change: ({ entries }) => ({ sfus: entries }),
    observe: (stage) => stage.servedBy(),
    before: "all_candidates_failed",
    after: 0,
  },
  "[[sfu]] region": {
    sfus: 2,
    setup: ([first, second]) => ({
      sfus: [
        { ...first, region: "us" },
        { ...second, region: "eu" },
      ],
    }),
    change: ({ entry }) => ({ sfus: [entry(0, { region: "eu" }), entry(1, { region: "us" })] }),
    observe: async (stage) => [await stage.servedBy("region=eu"), await stage.servedBy("region=eu")],
    before: [1, 1],
    after: [0, 0],
  },
  "[[sfu]] public_url": {
    setup: ([first]) => ({ sfus: [{ ...first, public_url: "https://one.example.com" }] }),
    change: ({ entry }) => ({ sfus: [entry(0, { public_url: "https://two.example.com" })] }),
    observe: async (stage) => (await stage.join()).body.url,
    before: "https://one.example.com",
    after: "https://two.example.com",
  },
  "[[sfu]] weight": {
    sfus: 2,
    setup: all,
    change: ({ entry }) => ({ sfus: [entry(0, { weight: 3 }), entry(1)] }),
    async observe(stage) {
      const served: unknown[] = [];
      while (served.length < 8) served.push(await stage.servedBy());
      return served.filter((index) => index === 0).length;
    },
    before: 4,
    after: 6,
  },
  "[[sfu]] max_sessions": {
    setup: (sfus) => ({ sfus, health: { statsIntervalMs: SECOND_MS } }),
    prepare(stage) {
      stage.fleet.sfus[0]!.setLoad(60);
      return stage.pass(SECOND_MS);
    },
    change: ({ entry }) => ({ sfus: [entry(0, { max_sessions: 50 })] }),
    observe: (stage) => stage.servedBy(),
    before: 0,
    after: "overloaded",
  },
  "[[sfu]] stats_token": {
    sfu: { family: "o-sfu", diagnosticsToken: "of-the-statistics" },
    setup: ([first]) => ({ sfus: [{ ...first, stats_token: "another" }], health: { statsIntervalMs: SECOND_MS } }),
    change: ({ entry }) => ({ sfus: [entry(0, { stats_token: "of-the-statistics" })] }),
    async observe(stage) {
      await stage.pass(2 * SECOND_MS);
      return (await stage.healthOf(0))?.load?.sessions ?? null;
    },
    before: null,
    after: 0,
  },

  SFU_GATEWAY_KEY: {
    setup: all,
    change: () => ({ env: { SFU_GATEWAY_KEY: OTHER_KEY } }),
    observe: statusWith(OTHER_KEY),
    before: 401,
    after: 200,
  },
  SFU_GATEWAY_REGISTRATION_KEY: {
    setup: () => ({ sfus: [], registration: { allow: ["http://127.0.0.1"] } }),
    change: () => ({ env: { SFU_GATEWAY_REGISTRATION_KEY: OPEN.SFU_GATEWAY_REGISTRATION_KEY } }),
    observe: async (stage) => (await stage.beat(0)).status,
    before: 404,
    after: 200,
  },
  SFU_GATEWAY_ADMIN_TOKEN: {
    setup: all,
    change: () => ({ env: { SFU_GATEWAY_ADMIN_TOKEN: OPEN.SFU_GATEWAY_ADMIN_TOKEN } }),
    observe: async (stage) => (await stage.admin("/v1/explain")).status,
    before: 404,
    after: 200,
  },

  "[balancing] strategy": {
    sfus: 2,
    setup: (...sources) => ({ ...registering(...sources), balancing: { strategy: "round-robin" } }),
    prepare: (stage) => Promise.all([stage.beat(0), stage.beat(1, { sessions: 500 })]),
    change: () => ({ balancing: { strategy: "load" } }),
    observe: async (stage) => new Set([await stage.servedBy(), await stage.servedBy()]).size,
    before: 2,
    after: 1,
  },
  "[balancing] max_sessions": {
    ...full({ sessions: 60 }),
    change: () => ({ balancing: { maxSessions: 50 } }),
    // One that does not say it by itself holds so many from its next heartbeat on.
    async observe(stage) {
      await stage.beat(0, { sessions: 60 });
      return stage.servedBy();
    },
  },
  "[balancing.weights] sessions": {
    ...rivals({ sessions: 400, cpuUsage: 0.1 }, { sessions: 100, cpuUsage: 0.9 }),
    change: () => weights({ sessions: 2 }),
  },
  "[balancing.weights] cpu": {
    ...rivals({ sessions: 100, cpuUsage: 0.5 }, { sessions: 500, cpuUsage: 0.1 }),
    change: () => weights({ cpu: 3 }),
  },
  "[balancing.weights] memory": {
    ...rivals({ memoryUsage: 0.9 }, { memoryUsage: 0.1, cpuUsage: 0.9 }),
    change: () => weights({ memory: 1 }),
  },
  "[balancing.weights] distance": {
    ...rivals({ region: "us-west-2" }, { region: "eu-west-3", sessions: 900, cpuUsage: 0.9 }),
    change: () => weights({ distance: 3 }),
  },

  "[failover] max_retries": {
    sfus: 3,
    setup: (sfus) => ({ sfus, failover: { maxRetries: 1 } }),
    prepare: ({ fleet }) => fleet.break({ kind: "status", status: 502 }, 0, 1, 2),
    change: () => ({ failover: { maxRetries: 3 } }),
    async observe(stage) {
      const before = stage.fleet.joins();
      await stage.servedBy();
      return stage.fleet.joins() - before;
    },
    before: 1,
    after: 3,
  },
  "[failover] retry_timeout_ms": {
    setup: (sfus) => ({ sfus, failover: { retryTimeoutMs: 150 } }),
    prepare: (stage) => slow(stage, 400),
    change: () => ({ failover: { retryTimeoutMs: 2500 } }),
    observe: (stage) => stage.servedSlowlyBy(),
    before: "all_candidates_failed",
    after: 0,
  },
  "[failover] attempt_timeout_ms": {
    setup: (sfus) => ({ sfus, failover: { attemptTimeoutMs: 150 } }),
    prepare: (stage) => slow(stage, 400),
    change: () => ({ failover: { attemptTimeoutMs: 1000 } }),
    observe: (stage) => stage.servedSlowlyBy(),
    before: "all_candidates_failed",
    after: 0,
  },

  "[breaker] error_threshold_percent": {
    setup: (sfus) => ({ sfus, breaker: { errorThresholdPercent: 100, minimumRequests: 2 } }),
    prepare: (stage) => stage.join(),
    change: () => ({ breaker: { errorThresholdPercent: 50 } }),
    async observe(stage) {
      await stage.fail(1);
      return breakerOf(stage);
    },
    before: "closed",
    after: "open",
  },
  "[breaker] minimum_requests": {
    setup: (sfus) => ({ sfus, breaker: { minimumRequests: 5 } }),
    change: () => ({ breaker: { minimumRequests: 2 } }),
    async observe(stage) {
      await stage.fail(1);
      return breakerOf(stage);
    },
    before: "closed",
    after: "open",
  },
  "[breaker] window_ms": {
    setup: (sfus) => ({ sfus, breaker: { windowMs: 1000, minimumRequests: 2 } }),
    change: () => ({ breaker: { windowMs: 60_000 } }),
    async observe(stage) {
      await stage.fail(1);
      await stage.pass(2 * SECOND_MS);
      await stage.fail(1);
      return breakerOf(stage);
    },
    before: "closed",
    after: "open",
  },
  "[breaker] reset_timeout_ms": {
    setup: (sfus) => ({ sfus, breaker: { resetTimeoutMs: 20 * SECOND_MS, minimumRequests: 1 } }),
    change: () => ({ breaker: { resetTimeoutMs: SECOND_MS } }),
    async observe(stage) {
      // One that is open already waits for as long as it was told when it opened.
      await stage.clock.elapse(19 * SECOND_MS);
      await settled(stage);
      await stage.fail(1);
      await stage.clock.elapse(1.5 * SECOND_MS);
      return settled(stage);
    },
    before: "open",
    after: "closed",
  },

  "[overload] max_cpu": { ...full({ cpuUsage: 0.9 }), change: () => ({ overload: { maxCpu: 0.5 } }) },
  "[overload] max_memory": { ...full({ memoryUsage: 0.9 }), change: () => ({ overload: { maxMemory: 0.5 } }) },
  "[overload] max_sessions_ratio": {
    ...full({ sessions: 60, maxSessions: 100 }),
    change: () => ({ overload: { maxSessionsRatio: 0.5 } }),
  },

  "[health] interval_ms": {
    setup: (sfus) => ({ sfus, health: { intervalMs: 10 * SECOND_MS } }),
    change: () => ({ health: { intervalMs: SECOND_MS } }),
    observe: countOf("/v1/noop"),
    before: "seldom",
    after: "every second",
  },
  "[health] stats_interval_ms": {
    setup: (sfus) => ({ sfus, health: { statsIntervalMs: 10 * SECOND_MS } }),
    change: () => ({ health: { statsIntervalMs: SECOND_MS } }),
    observe: countOf("/v1/stats"),
    before: "seldom",
    after: "every second",
  },
  "[health] timeout_ms": {
    setup: (sfus) => ({ sfus, health: { intervalMs: 2 * SECOND_MS, timeoutMs: 200 } }),
    prepare: (stage) => slow(stage, 500),
    change: () => ({ health: { timeoutMs: 1000 } }),
    async observe(stage) {
      await stage.pass(6 * SECOND_MS);
      return stateOf(stage);
    },
    before: "down",
    after: "healthy",
  },
  "[health] unhealthy_after": {
    setup: (sfus) => ({ sfus, health: { intervalMs: 2 * SECOND_MS, unhealthyAfter: 5 } }),
    change: () => ({ health: { unhealthyAfter: 2 } }),
    async observe(stage) {
      const [sfu] = stage.fleet.sfus;
      await sfu!.heal();
      await stage.pass(2 * SECOND_MS);
      await sfu!.break({ kind: "huge" });
      sfu!.clearRequests();
      while ((await stateOf(stage)) !== "down") await stage.pass(10);
      return sfu!.requests.filter(({ path }) => path === "/v1/noop").length;
    },
    before: 5,
    after: 2,
  },
  "[health] healthy_after": {
    setup: (sfus) => ({ sfus, health: { intervalMs: SECOND_MS, healthyAfter: 100 } }),
    async prepare(stage) {
      await stage.fleet.break({ kind: "refuse" }, 0);
      await stage.pass(3 * SECOND_MS);
      await stage.fleet.sfus[0]!.heal();
    },
    change: () => ({ health: { healthyAfter: 1 } }),
    async observe(stage) {
      await stage.pass(2 * SECOND_MS);
      return stateOf(stage);
    },
    before: "down",
    after: "healthy",
  },

  "[registration] ttl_ms": {
    setup: registering,
    change: () => ({ registration: { ttlMs: 5 * SECOND_MS } }),
    async observe(stage) {
      await stage.beat(0);
      await stage.pass(7 * SECOND_MS);
      return (await stage.healthOf(0))?.out;
    },
    before: null,
    after: "expired",
  },
  "[registration] allow": {
    setup: () => ({ sfus: [], env: OPEN, registration: { allow: ["https://sfu.example.com"] } }),
    change: () => ({ registration: { allow: ["http://127.0.0.1"] } }),
    observe: async (stage) => (await stage.beat(0)).status,
    before: 403,
    after: 200,
  },

  "[registry] url": {
    sfus: 2,
    setup: (_, [first]) => ({ sfus: [], registry: { url: first!.url, intervalMs: SECOND_MS } }),
    change: ({ lists }) => ({ registry: { url: lists[1]!.url, intervalMs: SECOND_MS } }),
    observe: afterReading,
    before: [0],
    after: [1],
  },
  "[registry] interval_ms": {
    setup: (_, [first]) => ({ sfus: [], registry: { url: first!.url, intervalMs: 60 * SECOND_MS } }),
    prepare: afterReading,
    change: ({ lists }) => ({ registry: { url: lists[0]!.url, intervalMs: SECOND_MS } }),
    async observe({ lists: [list], pass }) {
      list!.clearRequests();
      await pass(10 * SECOND_MS);
      return list!.requests.length >= 8 ? "every second" : "seldom";
    },
    before: "seldom",
    after: "every second",
  },
  "[registry] token": {
    list: { token: LIST_TOKEN },
    setup: (_, [first]) => ({ sfus: [], registry: { url: first!.url, intervalMs: SECOND_MS } }),
    change: () => ({ secrets: { registryToken: new Secret(LIST_TOKEN) } }),
    observe: afterReading,
    before: [],
    after: [0],
  },

  "[affinity] ttl_ms": {
    sfus: 2,
    setup: all,
    change: () => ({ affinity: { ttlMs: SECOND_MS } }),
    async observe(stage) {
      const iss = `a room of ${String(stage.clock.now())}`;
      const first = await stage.gateway.join({ iss });
      await stage.pass(2 * SECOND_MS);
      return (await stage.gateway.join({ iss })).body.url === first.body.url;
    },
    before: true,
    after: false,
  },

  "[limits] max_connections": {
    setup: all,
    change: () => ({ limits: { maxConnections: 4 } }),
    async observe({ gateway }) {
      const callers = await Promise.all(Array.from({ length: 8 }, () => callRaw(gateway.url)));
      // On a connection of its own, which comes after those.
      const { body } = await ask(`${gateway.url}/metrics`);
      for (const { socket } of callers) socket.destroy();
      const open = Number(/^sfu_gateway_connections (\d+)$/m.exec(body)?.[1]);
      return open >= 9 ? "all" : open;
    },
    before: "all",
    after: 4,
  },

  "[limits] max_requests": {
    setup: (sfus) => ({ sfus, limits: { maxRequests: 4 } }),
    prepare: (stage) => stage.fleet.break({ kind: "hang" }, 0),
    change: () => ({ limits: { maxRequests: 2 } }),
    async observe(stage) {
      const callers = new AbortController();
      const { signal } = callers;
      const inHand = (): Promise<number> => stage.gateway.metric("requests_in_flight");
      const joins = Array.from({ length: 6 }, (_, index) =>
        stage.gateway.join({ iss: `busy ${String(index)}`, signal }),
      );
      const refused = joins.map((join) => join.then(({ body }) => body.error).catch(() => "hung up"));
      const before = await stage.gateway.metric('rejected_total{reason="too_busy"}');
      await eventually("all have come", async () => {
        const turnedAway = await stage.gateway.metric('rejected_total{reason="too_busy"}');
        return (await inHand()) + turnedAway >= 6 && turnedAway >= before;
      });
      callers.abort();
      await eventually("all have gone", async () => (await inHand()) === 0);
      return (await Promise.all(refused)).filter((error) => error === "too_busy").length;
    },
    before: 2,
    after: 4,
  },

  "[rate_limit] requests": {
    ...limited((stage) => stage.gateway.get("/v1/health"), 200),
    setup: (sfus) => ({ sfus, rateLimit: { requests: 2, windowMs: SECOND_MS } }),
    change: () => ({ rateLimit: { requests: 4, windowMs: SECOND_MS } }),
  },
  "[rate_limit] window_ms": {
    ...limitedAgain((stage) => stage.gateway.get("/v1/health")),
    setup: (sfus) => ({ sfus, rateLimit: { requests: 1, windowMs: 60 * SECOND_MS } }),
    change: () => ({ rateLimit: { requests: 1, windowMs: SECOND_MS } }),
    after: 200,
  },
  "[rate_limit] auth_failures": {
    ...limited((stage) => stage.gateway.get("/v1/channel", GARBAGE), 401),
    setup: (sfus) => ({ sfus, authFailures: { max: 2 } }),
    change: () => ({ authFailures: { max: 4 } }),
  },
  "[rate_limit] auth_window_ms": {
    ...limitedAgain((stage) => stage.gateway.get("/v1/channel", GARBAGE)),
    setup: (sfus) => ({ sfus, authFailures: { max: 1, windowMs: 60 * SECOND_MS } }),
    change: () => ({ authFailures: { windowMs: SECOND_MS } }),
    after: 401,
  },

  "[tls] ca_file": {
    setup: all,
    certificate: makeCertificate({ by: AUTHORITY }),
    change: () => ({ tls: { ca: AUTHORITY.cert } }),
    observe: (stage) => stage.servedBy(),
    before: "all_candidates_failed",
    after: 0,
  },

  "[regions.NAME] latitude": onTheMap({ latitude: 50, longitude: 2 }, { latitude: -60, longitude: 2 }),
  "[regions.NAME] longitude": onTheMap({ latitude: 50, longitude: 2 }, { latitude: 50, longitude: 170 }),
};

/** What only the environment of the process says, which does not change while it lives. */
export const OF_THE_ENVIRONMENT: readonly string[] = [
  "[listen] port",
  "[listen] bind",
  "[listen] reuse_port",
  "trusted_proxies",
  "log_level",
];

/** What is connected when the gateway starts, and not again: a reload warns that it takes a restart. */
export const OF_THE_START: readonly string[] = ["store", "storePassword", "sentinelPassword"];

/** One of each, so that there is no setting which this configuration leaves out. */
export const EVERYTHING: GatewaySetup = {
  sfus: [
    {
      address: "http://sfu.test",
      key: sfuKey(1),
      region: "eu",
      public_url: "https://sfu.example.com",
      weight: 2,
      max_sessions: 10,
      stats_token: "of-the-statistics",
    },
  ],
  env: OPEN,
  registration: { allow: ["10.0.0.0/8"] },
  registry: { url: "http://list.test/", intervalMs: SECOND_MS },
  rateLimit: { requests: 100, windowMs: SECOND_MS },
  tls: { ca: AUTHORITY.cert },
  regions: { here: { latitude: 1, longitude: 1 } },
  secrets: { registryToken: new Secret(LIST_TOKEN) },
};
