import type { Config, SfuConfig } from "./config.ts";
import type { EnvironmentSettings } from "./env.ts";
import type { Settings } from "./schema.ts";

/** From the names of the interface to those of the code; everything has been validated. */
export function toConfig(settings: Settings, environment: EnvironmentSettings): Config {
  const { failover, breaker } = settings;
  return {
    listen: { port: environment.port, bind: environment.bind },
    trustedProxies: environment.trustedProxies,
    logLevel: environment.logLevel,
    sfus: settings.sfu.map(toSfuConfig),
    balancing: { strategy: "round-robin" },
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
    health: { intervalMs: settings.health.interval_ms, timeoutMs: settings.health.timeout_ms },
    affinity: { ttlMs: settings.affinity.ttl_ms },
    regions: Object.fromEntries(settings.regions),
  };
}

function toSfuConfig(sfu: Settings["sfu"][number]): SfuConfig {
  return {
    address: sfu.address,
    region: sfu.region ?? null,
    publicUrl: sfu.public_url ?? null,
    weight: sfu.weight,
  };
}
