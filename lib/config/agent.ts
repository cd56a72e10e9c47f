import type { AuthKey } from "../auth/keys.ts";
import { Secret } from "../auth/secret.ts";
import { createGeo } from "../balancing/geo.ts";
import { OriginError, parseOrigin } from "../sfu/registration/origin.ts";
import { type Environment, KNOWN, valueOf, warnOfMisspelt } from "./env.ts";
import { ConfigError, type Fault } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { readKey } from "./read-key.ts";
import { environmentSchema, httpUrl } from "./schema.ts";
import { isReadableByOthers } from "./warnings.ts";

/** Everything that the agent beside an SFU can be told and that is not secret. Frozen. */
export interface AgentConfig {
  /** Origin and path of the gateway, without a slash at the end. */
  readonly gatewayUrl: string;
  /** From one heartbeat to the next. */
  readonly intervalMs: number;
  /** What the gateway and the fleet know the SFU by: an origin. */
  readonly address: string;
  /** Lower case. */
  readonly region: string;
  /** Where the SFU answers its agent: origin and path without a slash at the end, `/v1/stats` comes after it. */
  readonly statsUrl: string;
  /** How many sessions fill the SFU; null leaves that to the gateway. */
  readonly maxSessions: number | null;
  readonly logLevel: string;
}

export interface AgentSecrets {
  /** The SFU's key: base64 text that `parseKey` takes. */
  readonly authKey: Secret;
  /** What heartbeats are signed with. */
  readonly registrationKey: AuthKey;
  /** What o-sfu wants to see before it tells its statistics; null where none is needed. */
  readonly statsToken: Secret | null;
}

export interface LoadedAgent {
  readonly config: AgentConfig;
  readonly secrets: AgentSecrets;
  /** What will work and is still worth a word to the operator. */
  readonly warnings: readonly Fault[];
}

/**
 * Reads the agent's environment; it has no files but those of its secrets.
 *
 * @throws {ConfigError} with every fault that there is
 */
export function loadAgentConfiguration(env: Environment): LoadedAgent {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const reader = createReader(env, faults, warnings);
  warnOfMisspelt(env, warnings);
  warnOfNeighbours(env, warnings);

  const gatewayUrl = reader.url("SFU_GATEWAY_URL", "the gateway's URL, like https://sfu-gateway.example.com");
  const address = reader.origin("SFU_ADDRESS", "what the gateway shall know the SFU by, like https://sfu1.example.com");
  const region = reader.region("SFU_REGION", "where the SFU is, like eu-west-3");
  if (region !== null) warnOfRegion(region, warnings);
  if (gatewayUrl !== null && isReadableByOthers(gatewayUrl)) {
    const problem = "heartbeats, with AUTH_KEY in them, go over the network as plain text, expected https";
    warnings.push({ where: "SFU_GATEWAY_URL", what: "", problem });
  }
  const registrationKey = reader.key(
    "SFU_GATEWAY_REGISTRATION_KEY",
    "the base64 text that the gateway has as its SFU_GATEWAY_REGISTRATION_KEY",
  );
  const authKey = reader.key("AUTH_KEY", "the SFU's own AUTH_KEY, base64 text");
  const statsUrl = reader.optionalUrl(
    "SFU_STATS_URL",
    "where the SFU answers on this host, like http://127.0.0.1:8070",
  );
  const statsToken = reader.token("SFU_STATS_TOKEN");
  const intervalMs = reader.wholeNumber("SFU_GATEWAY_PING_INTERVAL", 100, 3_600_000) ?? 10_000;
  const maxSessions = reader.wholeNumber("SFU_MAX_SESSIONS", 1, 1_000_000);
  const logLevel = reader.logLevel();

  const required = { gatewayUrl, address, region, authKey, registrationKey };
  if (faults.length > 0 || !isComplete(required)) throw new ConfigError(faults, warnings);
  return {
    config: Object.freeze({
      gatewayUrl: required.gatewayUrl,
      intervalMs,
      address: required.address,
      region: required.region,
      // By the variable's name it may well be the whole URL that somebody puts there.
      statsUrl: statsUrl?.replace(/\/v1\/stats$/, "") ?? required.address,
      maxSessions,
      logLevel,
    }),
    secrets: Object.freeze({
      authKey: required.authKey.text,
      registrationKey: required.registrationKey.key,
      statsToken,
    }),
    warnings,
  };
}

/** Where one is null, its fault has been noted. */
function isComplete<T extends object>(parts: T): parts is { [Name in keyof T]: NonNullable<T[Name]> } {
  return Object.values(parts).every((part) => part !== null);
}

const URL_RULE = "http or https, without a user, a query or a fragment";

interface Key {
  readonly text: Secret;
  readonly key: AuthKey;
}

/** Every method answers null where there is nothing, or nothing usable, and notes that where it is a fault. */
interface Reader {
  url(name: string, expected: string): string | null;
  optionalUrl(name: string, expected: string): string | null;
  /** By the rule of the gateway for addresses that register. */
  origin(name: string, expected: string): string | null;
  region(name: string, expected: string): string | null;
  key(name: string, expected: string): Key | null;
  token(name: string): Secret | null;
  wholeNumber(name: string, from: number, to: number): number | null;
  logLevel(): string;
}

function createReader(env: Environment, faults: Fault[], warnings: Fault[]): Reader {
  const fault = (where: string, problem: string): null => {
    faults.push({ where, what: "", problem });
    return null;
  };
  const optional = (name: string): string | null => valueOf(env, name, faults);
  const required = (name: string, expected: string): string | null => {
    const faultsBefore = faults.length;
    const value = optional(name);
    if (value === null && faults.length === faultsBefore) fault(name, `missing, expected ${expected}`);
    return value;
  };
  const asUrl = (name: string, value: string | null, expected: string): string | null => {
    if (value === null) return null;
    const result = httpUrl(expected).safeParse(value);
    return result.success ? result.data : fault(name, `expected ${expected}: ${URL_RULE}`);
  };

  return {
    url: (name, expected) => asUrl(name, required(name, expected), expected),
    optionalUrl: (name, expected) => asUrl(name, optional(name), expected),
    origin(name, expected) {
      const text = required(name, expected);
      if (text === null) return null;
      try {
        return parseOrigin(text);
      } catch (error) {
        if (!(error instanceof OriginError)) throw error;
        return fault(name, error.message);
      }
    },
    region(name, expected) {
      const region = required(name, expected);
      const isName = region !== null && region.length <= 64 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(region);
      if (region === null || isName) return region?.toLowerCase() ?? null;
      return fault(name, "expected a region's name of 1 to 64 characters, without control characters");
    },
    key(name, expected) {
      const text = required(name, expected);
      if (text === null) return null;
      const key = readKey(text, { where: name, what: "" }, faults, warnings);
      return key === null ? null : { text: new Secret(text), key };
    },
    token(name) {
      const text = optional(name);
      if (text === null) return null;
      // No other text fits into a header.
      return /^[\x21-\x7e]+$/.test(text)
        ? new Secret(text)
        : fault(name, "expected a token of printable ASCII characters, without a space");
    },
    wholeNumber(name, from, to) {
      const text = optional(name);
      if (text === null) return null;
      const value = /^\d+$/.test(text) ? Number(text) : NaN;
      if (value >= from && value <= to) return value;
      return fault(name, `expected a whole number from ${String(from)} to ${String(to)}`);
    },
    logLevel() {
      const result = environmentSchema.logLevel.safeParse(optional("LOG_LEVEL")?.toLowerCase() ?? "info");
      if (result.success) return result.data;
      fault("LOG_LEVEL", result.error.issues[0]?.message ?? "not valid");
      return "info";
    },
  };
}

/** Others have variables that begin with SFU_ too, so only what is nearly one of the agent's is worth a word. */
function warnOfNeighbours(env: Environment, warnings: Fault[]): void {
  const known = KNOWN.filter((name) => !name.startsWith("SFU_GATEWAY_"));
  for (const name of Object.keys(env)) {
    if (!/^(SFU|AUTH)_/.test(name) || KNOWN.includes(name) || name.startsWith("SFU_GATEWAY_")) continue;
    const hint = didYouMean(name, known);
    if (hint !== "") warnings.push({ where: name, what: "", problem: `no such variable${hint}` });
  }
}

/** The gateway may have been told of regions that nobody else knows, so this is never a fault. */
function warnOfRegion(region: string, warnings: Fault[]): void {
  const geo = createGeo({});
  if (geo.region(region) !== null) return;
  const hint = didYouMean(region, geo.regionNames());
  const problem = `not a built-in region, so the gateway needs a [regions] entry to know where it is${hint}`;
  warnings.push({ where: "SFU_REGION", what: "", problem });
}
