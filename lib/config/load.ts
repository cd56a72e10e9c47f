import { readFileSync, statSync } from "node:fs";
import type { Config, Secrets, SfuConfig } from "./config.ts";
import { type Environment, type EnvironmentSettings, readEnvironment } from "./env.ts";
import { describeSystemError } from "../errors.ts";
import { ConfigError, type Fault } from "./fault.ts";
import { type Merged, mergeDocuments } from "./merge.ts";
import type { Settings } from "./schema.ts";
import { readSecrets } from "./secrets.ts";
import { parseToml, type Path, type TomlDocument } from "./toml.ts";
import { validateSettings } from "./validate.ts";

export interface Sources {
  readonly env: Environment;
  /** Paths of the TOML files; null where the option was not given. */
  readonly secretsFile: string | null;
  readonly configFile: string | null;
}

export interface Loaded {
  readonly config: Config;
  readonly secrets: Secrets;
  /** What will work and is still worth a word to the operator. */
  readonly warnings: readonly Fault[];
}

/** Odoo's `requests.get(timeout=3)` (contract.md). */
const ODOO_PATIENCE_MS = 3000;

/**
 * Reads the environment and both files, merges and checks them.
 *
 * @throws {ConfigError} with every fault that there is, so that one run of `check` is enough
 */
export function loadConfiguration({ env, secretsFile, configFile }: Sources): Loaded {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const environment = readEnvironment(env, faults, warnings);
  const documents = [configFile, secretsFile].flatMap((file) => (file === null ? [] : (readToml(file, faults) ?? [])));
  if (secretsFile !== null) warnOfReaders(secretsFile, warnings);

  const merged = withNodes(mergeDocuments(documents, faults), environment, warnings);
  const settings = validateSettings(merged.values, merged.locate, faults);
  const secrets = readSecrets(settings?.sfu ?? keysOnly(merged.values), environment, merged.locate, faults, warnings);
  if (settings !== null) {
    checkFleet(settings, merged, faults);
    warnOfSettings(settings, merged, warnings);
  }
  if (faults.length > 0 || settings === null) throw new ConfigError(faults);
  return { config: deepFreeze(toConfig(settings, environment)), secrets, warnings };
}

function readToml(file: string, faults: Fault[]): TomlDocument | null {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    faults.push({ where: file, what: "", problem: `cannot be read: ${describeSystemError(error)}` });
    return null;
  }
  return parseToml(file, content, faults);
}

function warnOfReaders(file: string, warnings: Fault[]): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o007) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  warnings.push({
    where: file,
    what: "",
    problem: `everybody on this machine can get at the keys (mode ${octal}), expected 0600 or 0640: chmod o= ${file}`,
  });
}

/** The fleet of the environment takes the place of the files' one. */
function withNodes(merged: Merged, { nodes }: EnvironmentSettings, warnings: Fault[]): Merged {
  if (nodes === null) return merged;
  if (merged.values.sfu !== undefined) {
    warnings.push({ where: merged.locate(["sfu", 0]), what: "[[sfu]]", problem: "ignored, SFU_GATEWAY_NODES is set" });
  }
  return {
    values: { ...merged.values, sfu: nodes },
    locate: (path) => (path[0] === "sfu" ? "SFU_GATEWAY_NODES" : merged.locate(path)),
  };
}

/** Where the settings are faulty, the keys that are there are checked all the same. */
function keysOnly(values: Readonly<Record<string, unknown>>): readonly { address: string; key: string }[] {
  const list: unknown = values.sfu;
  if (!Array.isArray(list)) return [];
  return list.map((entry: unknown) => {
    const key = typeof entry === "object" && entry !== null && "key" in entry ? entry.key : undefined;
    return { address: "", key: typeof key === "string" ? key : "" };
  });
}

function checkFleet(settings: Settings, merged: Merged, faults: Fault[]): void {
  // Where something else is wrong, the SFUs are probably in the part that could not be read.
  if (settings.sfu.length === 0 && faults.length === 0) {
    faults.push({
      where: "configuration",
      what: "[[sfu]]",
      problem: "no SFU is configured, expected at least one in the file of --secrets or in SFU_GATEWAY_NODES",
    });
  }
  const seen = new Map<string, number>();
  settings.sfu.forEach(({ address }, index) => {
    const first = seen.get(address);
    if (first === undefined) {
      seen.set(address, index);
      return;
    }
    const path = ["sfu", index, "address"];
    faults.push({
      where: merged.locate(path),
      what: `[[sfu]] #${String(index + 1)} address`,
      problem: `the same SFU as #${String(first + 1)}, expected each once`,
    });
  });
}

/** What the interface has settled and this version does not act on yet: better said than silently ignored. */
const WITHOUT_EFFECT: readonly Path[] = [
  ["balancing", "max_sessions"],
  ["balancing", "weights"],
  ["overload"],
  ["registration"],
  ["registry"],
  ["store"],
  ["rate_limit"],
];

function warnOfSettings(settings: Settings, merged: Merged, warnings: Fault[]): void {
  const warn = (path: Path, what: string, problem: string): number =>
    warnings.push({ where: merged.locate(path), what, problem });

  const { retry_timeout_ms: budgetMs, attempt_timeout_ms: attemptMs } = settings.failover;
  if (budgetMs > ODOO_PATIENCE_MS) {
    warn(
      ["failover", "retry_timeout_ms"],
      "[failover] retry_timeout_ms",
      "Odoo gives up at 3000 ms, answers will come too late",
    );
  }
  if (attemptMs > budgetMs) {
    warn(
      ["failover", "attempt_timeout_ms"],
      "[failover] attempt_timeout_ms",
      "longer than retry_timeout_ms, which cuts it",
    );
  }
  if (settings.balancing.strategy === "load") {
    warn(["balancing", "strategy"], '[balancing] strategy = "load"', "not in this version yet, round-robin is used");
  }
  for (const path of WITHOUT_EFFECT) {
    const value = path.reduce<unknown>(
      (tree, part) => (tree as Record<PropertyKey, unknown> | undefined)?.[part],
      merged.values,
    );
    if (value !== undefined) warn(path, `[${path.map(String).join(".")}]`, "has no effect in this version yet");
  }
}

function toConfig(settings: Settings, environment: EnvironmentSettings): Config {
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
    maxSessions: sfu.max_sessions ?? null,
    weight: sfu.weight,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
