import type { AuthKey } from "../auth/keys.ts";
import type { Secret } from "../auth/secret.ts";
import type { Coordinates } from "../balancing/geo.ts";

/** One SFU as the operator listed it; its key and token are among the {@link Secrets}. */
export interface SfuConfig {
  /** Origin and path without a slash at the end: the SFU's identity. */
  readonly address: string;
  /** Lower case, or null where none is given. */
  readonly region: string | null;
  readonly publicUrl: string | null;
  readonly weight: number;
  readonly maxSessions: number;
}

/** Everything that the gateway can be told and that is not secret. Frozen; an absent feature is null. */
export interface Config {
  readonly listen: {
    readonly port: number;
    readonly bind: string;
    /** Whether other gateways, of the same user, may listen there as well. */
    readonly reusePort: boolean;
  };
  readonly trustedProxies: readonly string[];
  readonly logLevel: string;
  readonly sfus: readonly SfuConfig[];
  readonly balancing: {
    readonly strategy: "load" | "round-robin";
    /** How many sessions fill an SFU that does not say it by itself. */
    readonly maxSessions: number;
    readonly weights: Weights;
  };
  readonly failover: {
    /** Different SFUs that one request may try. */
    readonly maxRetries: number;
    /** The budget of the whole request. */
    readonly retryTimeoutMs: number;
    readonly attemptTimeoutMs: number;
  };
  readonly breaker: {
    readonly errorThresholdPercent: number;
    readonly minimumRequests: number;
    readonly windowMs: number;
    readonly resetTimeoutMs: number;
  };
  readonly overload: {
    readonly maxCpu: number;
    readonly maxMemory: number;
    /** Sessions as a share of `maxSessions`. */
    readonly maxSessionsRatio: number;
  };
  readonly health: {
    readonly intervalMs: number;
    readonly statsIntervalMs: number;
    readonly timeoutMs: number;
    /** Probes in a row. */
    readonly unhealthyAfter: number;
    readonly healthyAfter: number;
  };
  readonly registration: {
    readonly ttlMs: number;
    /** Who may register: origins and CIDRs; null for anybody but loopback and link-local. */
    readonly allow: readonly string[] | null;
  };
  /** The external list of SFUs. */
  readonly registry: { readonly url: string; readonly intervalMs: number } | null;
  readonly affinity: { readonly ttlMs: number };
  /** What several gateways share; null for one that keeps everything in its own memory. */
  readonly store: StoreSettings | null;
  /** What the gateway takes on at one time, whoever asks. */
  readonly limits: {
    readonly maxConnections: number;
    /** Requests under way. */
    readonly maxRequests: number;
  };
  /** Certificates of authorities that count beside the system's where the gateway is the client, PEM; null for none. */
  readonly tls: { readonly ca: string | null };
  /** How many requests one address may send within the window; null for any number. */
  readonly rateLimit: { readonly requests: number; readonly windowMs: number } | null;
  /** How many of an address's tokens may be refused within the window before it has to wait. */
  readonly authFailures: { readonly max: number; readonly windowMs: number };
  readonly regions: Readonly<Record<string, Coordinates>>;
}

/** Where a Redis, or what speaks like one, is found. Its password is among the {@link Secrets}. */
export interface StoreSettings {
  readonly at:
    | { readonly kind: "single"; readonly host: Host; readonly database: number }
    | {
        readonly kind: "sentinel";
        readonly sentinels: readonly Host[];
        /** The name that the sentinels know the servers by. */
        readonly master: string;
        readonly database: number;
      }
    | { readonly kind: "cluster"; readonly nodes: readonly Host[] };
  readonly isTls: boolean;
  readonly username: string | null;
  /** What the names of all keys begin with; one for each fleet. */
  readonly prefix: string;
}

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** How much each part counts in an SFU's score. */
export interface Weights {
  readonly sessions: number;
  readonly cpu: number;
  readonly memory: number;
  readonly distance: number;
}

export interface Secrets {
  /** What Odoo may sign with: any of them verifies. At least one. */
  readonly gatewayKeys: readonly AuthKey[];
  /** By address; one for every SFU of the configuration. */
  readonly sfuKeys: ReadonlyMap<string, AuthKey>;
  /** By address, of those that have one. */
  readonly statsTokens: ReadonlyMap<string, Secret>;
  /** What heartbeats are signed with; null turns registration off. */
  readonly registrationKey: AuthKey | null;
  /** Opens the admin routes; null turns them off. */
  readonly adminToken: Secret | null;
  /** For the external list. */
  readonly registryToken: Secret | null;
  readonly storePassword: Secret | null;
  /** Where the sentinels want one as well. */
  readonly sentinelPassword: Secret | null;
}
