import { createApp, type App } from "../../lib/app.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Configuration } from "../../lib/config/changes.ts";
import type { Config, Secrets } from "../../lib/config/config.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { createLogger } from "../../lib/logger.ts";
import type { Resolve } from "../../lib/sfu/names.ts";
import { leakWatch } from "./leaked-secrets.ts";
import { seeded } from "./random.ts";
import { claimsOf, GATEWAY_KEY, token } from "./tokens.ts";

export interface GatewaySetup {
  /** Entries as in `SFU_GATEWAY_NODES`. */
  readonly sfus: readonly Readonly<Record<string, unknown>>[];
  readonly env?: Readonly<Record<string, string>>;
  readonly failover?: Partial<Config["failover"]>;
  readonly breaker?: Partial<Config["breaker"]>;
  /** No probes and no statistics unless it says how often. */
  readonly health?: Partial<Config["health"]>;
  /** In turn, so that a spec knows who comes first, unless it says otherwise. */
  readonly balancing?: Partial<Config["balancing"]>;
  readonly overload?: Partial<Config["overload"]>;
  readonly registration?: Partial<Config["registration"]>;
  readonly registry?: Config["registry"];
  readonly affinity?: Partial<Config["affinity"]>;
  readonly limits?: Partial<Config["limits"]>;
  readonly rateLimit?: Config["rateLimit"];
  readonly authFailures?: Partial<Config["authFailures"]>;
  readonly regions?: Config["regions"];
  readonly tls?: Config["tls"];
  readonly store?: Config["store"];
  /** Where names lead; the system's word unless it says otherwise. A reload does not change it. */
  readonly resolve?: Resolve;
  /** Those that only files have. */
  readonly secrets?: Pick<Secrets, "registryToken">;
}

export interface JoinOptions {
  readonly iss?: string;
  readonly query?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What a channel request got. */
export interface Joined {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** One log line. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A gateway as a user runs it, on a real socket, inside the spec's process. */
export interface TestGateway {
  readonly url: string;
  readonly app: App;
  readonly logs: readonly LogLine[];
  join(options?: JoinOptions): Promise<Joined>;
  get(path: string, init?: RequestInit): Promise<Response>;
  /** The value of one series of /metrics, like `coalesced_total` or `attempts_total{sfu="…",outcome="ok"}`; 0 if absent. */
  metric(series: string): Promise<number>;
  /** Reloads it. A table changes key by key; an empty variable of the environment is none. */
  reconfigure(changes: Partial<GatewaySetup>): void;
  close(): Promise<void>;
}

/** Later than the end of any spec. */
const NEVER_MS = 86_400_000;
const NO_PROBES = { intervalMs: NEVER_MS, statsIntervalMs: NEVER_MS };

/** The configuration that a user would have to write for this setup. */
export function configurationOf(setup: GatewaySetup): Configuration {
  leakWatch.keepAllIn(setup);
  const { config, secrets } = loadConfiguration({
    env: {
      SFU_GATEWAY_KEY: GATEWAY_KEY,
      SFU_GATEWAY_NODES: JSON.stringify({ sfu: setup.sfus }),
      SFU_GATEWAY_PORT: "0",
      SFU_GATEWAY_BIND: "127.0.0.1",
      ...setup.env,
    },
    secretsFile: null,
    configFile: null,
  });
  return {
    config: {
      ...config,
      failover: { ...config.failover, ...setup.failover },
      breaker: { ...config.breaker, ...setup.breaker },
      balancing: { ...config.balancing, strategy: "round-robin", ...setup.balancing },
      health: { ...config.health, ...NO_PROBES, ...setup.health },
      overload: { ...config.overload, ...setup.overload },
      registration: { ...config.registration, ...setup.registration },
      registry: setup.registry ?? config.registry,
      affinity: { ...config.affinity, ...setup.affinity },
      limits: { ...config.limits, ...setup.limits },
      rateLimit: setup.rateLimit ?? config.rateLimit,
      authFailures: { ...config.authFailures, ...setup.authFailures },
      regions: setup.regions ?? config.regions,
      tls: setup.tls ?? config.tls,
      store: setup.store ?? config.store,
    },
    secrets: { ...secrets, ...setup.secrets },
  };
}

export function withChanges(setup: GatewaySetup, changes: Partial<GatewaySetup>): GatewaySetup {
  const { env, failover, breaker, health, balancing, overload, registration, affinity, limits, authFailures } = changes;
  return {
    ...setup,
    ...changes,
    env: { ...setup.env, ...env },
    failover: { ...setup.failover, ...failover },
    breaker: { ...setup.breaker, ...breaker },
    health: { ...setup.health, ...health },
    balancing: { ...setup.balancing, ...balancing },
    overload: { ...setup.overload, ...overload },
    registration: { ...setup.registration, ...registration },
    affinity: { ...setup.affinity, ...affinity },
    limits: { ...setup.limits, ...limits },
    authFailures: { ...setup.authFailures, ...authFailures },
  };
}

export async function startGateway(initial: GatewaySetup): Promise<TestGateway> {
  let setup = initial;
  const { config, secrets } = configurationOf(setup);
  const logs: LogLine[] = [];
  const write = (line: string): void => {
    leakWatch.look(line, "the log");
    logs.push(JSON.parse(line) as LogLine);
  };
  const logger = createLogger("debug", { write });
  const { resolve } = setup;
  const app = createApp(config, secrets, {
    clock: systemClock,
    random: seeded(1),
    logger,
    ...(resolve === undefined ? {} : { resolve }),
  });
  const { port } = await app.listen();
  const url = `http://127.0.0.1:${String(port)}`;
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(url + path, init);

  return {
    url,
    app,
    logs,
    get,
    async join({ iss = "room", query = "", token: text, headers, signal } = {}) {
      const response = await get(`/v1/channel${query === "" ? "" : `?${query}`}`, {
        headers: { authorization: `Bearer ${text ?? token({ claims: claimsOf(iss) })}`, ...headers },
        ...(signal === undefined ? {} : { signal }),
      });
      const body = (await response.json()) as Record<string, unknown>;
      return { status: response.status, body, headers: response.headers };
    },
    async metric(series) {
      const text = await (await get("/metrics")).text();
      const line = text.split("\n").find((candidate) => candidate.startsWith(`sfu_gateway_${series} `));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    reconfigure(changes) {
      setup = withChanges(setup, changes);
      const next = configurationOf(setup);
      app.reconfigure(next.config, next.secrets);
    },
    close: () => app.close(),
  };
}
