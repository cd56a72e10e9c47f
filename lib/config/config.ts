import type { AuthKey } from "../auth/keys.ts";
import type { Coordinates } from "../balancing/geo.ts";

/** One SFU as the operator listed it; its key and token are among the {@link Secrets}. */
export interface SfuConfig {
  /** Origin and path without a slash at the end: the SFU's identity. */
  readonly address: string;
  /** Lower case, or null where none is given. */
  readonly region: string | null;
  readonly publicUrl: string | null;
  readonly weight: number;
}

/** Everything that the gateway can be told and that is not secret. Frozen; an absent feature is null. */
export interface Config {
  readonly listen: { readonly port: number; readonly bind: string };
  readonly trustedProxies: readonly string[];
  readonly logLevel: string;
  readonly sfus: readonly SfuConfig[];
  readonly balancing: { readonly strategy: "round-robin" };
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
  readonly health: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly affinity: { readonly ttlMs: number };
  readonly regions: Readonly<Record<string, Coordinates>>;
}

export interface Secrets {
  /** What Odoo may sign with: any of them verifies. At least one. */
  readonly gatewayKeys: readonly AuthKey[];
  /** By address; one for every SFU of the configuration. */
  readonly sfuKeys: ReadonlyMap<string, AuthKey>;
}
