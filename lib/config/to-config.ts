import type { Config, SfuConfig, StoreSettings } from "./config.ts";
import type { EnvironmentSettings } from "./env.ts";
import type { Settings } from "./schema.ts";
import { readStoreUrl } from "./store-url.ts";

/**
 * From the names of the interface to those of the code; everything has been validated.
 *
 * @param ca what `[tls] ca_file` holds
 */
export function toConfig(settings: Settings, environment: EnvironmentSettings, ca: string | null): Config {
  const { balancing, failover, breaker, overload, health, registration, registry, limits } = settings;
  const { rate_limit: rateLimit } = settings;
  return {
    listen: { port: environment.port, bind: environment.bind, reusePort: environment.reusePort },
    trustedProxies: environment.trustedProxies,
    logLevel: environment.logLevel,
    sfus: settings.sfu.map((sfu) => toSfuConfig(sfu, balancing.max_sessions)),
    balancing: { strategy: balancing.strategy, maxSessions: balancing.max_sessions, weights: balancing.weights },
    failover: {
      maxRetries: failover.max_retries,
      retryTimeoutMs: failover.retry_timeout_ms,
      attemptTimeoutMs: failover.attempt_timeout_ms,
    },
    breaker: {
      errorThresholdPercent: breaker.error_threshold_percent,
      minimumRequests: breaker.minimum_requests,
      windowMs: breaker.window_ms,
      resetTimeoutMs: breaker.reset_timeout_ms,
    },
    overload: {
      maxCpu: overload.max_cpu,
      maxMemory: overload.max_memory,
      maxSessionsRatio: overload.max_sessions_ratio,
    },
    health: {
      intervalMs: health.interval_ms,
      statsIntervalMs: health.stats_interval_ms,
      timeoutMs: health.timeout_ms,
      unhealthyAfter: health.unhealthy_after,
      healthyAfter: health.healthy_after,
    },
    registration: { ttlMs: registration.ttl_ms, allow: registration.allow ?? null },
    registry: registry.url === undefined ? null : { url: registry.url, intervalMs: registry.interval_ms },
    affinity: { ttlMs: settings.affinity.ttl_ms },
    store: toStoreSettings(settings.store),
    limits: { maxConnections: limits.max_connections, maxRequests: limits.max_requests },
    tls: { ca },
    rateLimit:
      rateLimit.requests === undefined ? null : { requests: rateLimit.requests, windowMs: rateLimit.window_ms },
    authFailures: { max: rateLimit.auth_failures, windowMs: rateLimit.auth_window_ms },
    regions: Object.fromEntries(settings.regions),
  };
}

function toStoreSettings({ url, prefix }: Settings["store"]): StoreSettings | null {
  if (url === undefined) return null;
  const { at, isTls, username } = readStoreUrl(url);
  return { at, isTls, username, prefix };
}

/** @param maxSessions where the entry names none */
export function toSfuConfig(sfu: Settings["sfu"][number], maxSessions: number): SfuConfig {
  return {
    address: sfu.address,
    region: sfu.region ?? null,
    publicUrl: sfu.public_url ?? null,
    weight: sfu.weight,
    maxSessions: sfu.max_sessions ?? maxSessions,
  };
}
