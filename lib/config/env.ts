import type { z } from "zod";
import { describeSystemError, toError } from "../errors.ts";
import type { Fault } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { readText } from "./read-text.ts";
import { environmentSchema, nodesSchema } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says, checked for form; the keys are still text. Absent is null. */
export interface EnvironmentSettings {
  readonly keys: readonly string[];
  readonly port: number;
  readonly bind: string;
  readonly reusePort: boolean;
  /** The entries of `SFU_GATEWAY_NODES`, still unchecked. */
  readonly nodes: readonly unknown[] | null;
  readonly trustedProxies: readonly string[];
  readonly registrationKey: string | null;
  readonly adminToken: string | null;
  readonly logLevel: z.output<typeof environmentSchema.logLevel>;
}

/** The variables that hold a secret can also be given as a file's path, in `NAME_FILE`. */
const SECRETS = [
  "SFU_GATEWAY_KEY",
  "SFU_GATEWAY_NODES",
  "SFU_GATEWAY_REGISTRATION_KEY",
  "SFU_GATEWAY_ADMIN_TOKEN",
  // The agent's.
  "AUTH_KEY",
  "SFU_STATS_TOKEN",
];

/** Every variable that the gateway or its agent reads. */
export const KNOWN: readonly string[] = [
  ...SECRETS.flatMap((name) => [name, `${name}_FILE`]),
  "SFU_GATEWAY_PORT",
  "SFU_GATEWAY_BIND",
  "SFU_GATEWAY_REUSE_PORT",
  "SFU_GATEWAY_TRUST_PROXY",
  "SFU_GATEWAY_URL",
  "SFU_GATEWAY_PING_INTERVAL",
  "SFU_REGION",
  "SFU_ADDRESS",
  "SFU_STATS_URL",
  "SFU_MAX_SESSIONS",
];

/**
 * Reads the environment. Everything that is wrong goes to `faults`, everything that is only odd to `warnings`; an
 * empty variable counts as absent, as container tools leave them.
 */
export function readEnvironment(env: Environment, faults: Fault[], warnings: Fault[]): EnvironmentSettings {
  const variable = (name: string): string | null => valueOf(env, name, faults);

  const parsed = <T>(name: string, schema: z.ZodType<T>, input: unknown, fallback: T): T => {
    if (input === null) return fallback;
    const result = schema.safeParse(input);
    if (result.success) return result.data;
    faults.push({ where: name, what: "", problem: result.error.issues[0]?.message ?? "not valid" });
    return fallback;
  };

  warnOfMisspelt(env, warnings);

  return {
    keys: listOf(variable("SFU_GATEWAY_KEY")),
    port: parsed("SFU_GATEWAY_PORT", environmentSchema.port, portOf(variable("SFU_GATEWAY_PORT"), warnings), 8071),
    bind: parsed("SFU_GATEWAY_BIND", environmentSchema.bind, variable("SFU_GATEWAY_BIND"), "0.0.0.0"),
    reusePort: parsed(
      "SFU_GATEWAY_REUSE_PORT",
      environmentSchema.reusePort,
      variable("SFU_GATEWAY_REUSE_PORT")?.toLowerCase() ?? null,
      false,
    ),
    nodes: nodesOf(variable("SFU_GATEWAY_NODES"), faults),
    trustedProxies: parsed(
      "SFU_GATEWAY_TRUST_PROXY",
      environmentSchema.trustedProxies,
      listOf(variable("SFU_GATEWAY_TRUST_PROXY")),
      [],
    ),
    registrationKey: variable("SFU_GATEWAY_REGISTRATION_KEY"),
    adminToken: variable("SFU_GATEWAY_ADMIN_TOKEN"),
    logLevel: parsed("LOG_LEVEL", environmentSchema.logLevel, variable("LOG_LEVEL")?.toLowerCase() ?? null, "info"),
  };
}

/** @returns the trimmed value, of a secret also from its file; null where there is none, or a fault in its place */
export function valueOf(env: Environment, name: string, faults: Fault[]): string | null {
  const value = env[name]?.trim() ?? "";
  const file = SECRETS.includes(name) ? (env[`${name}_FILE`]?.trim() ?? "") : "";
  if (file === "") return value === "" ? null : value;
  if (value !== "") {
    faults.push({ where: name, what: "", problem: `expected ${name} or ${name}_FILE, got both` });
    return null;
  }
  try {
    const content = readText(file).trim();
    if (content !== "") return content;
    faults.push({ where: `${name}_FILE`, what: "", problem: "the file is empty" });
  } catch (error) {
    // Not the path: where there is no such file, somebody may have put the key itself there.
    faults.push({ where: `${name}_FILE`, what: "", problem: `cannot read the file: ${describeSystemError(error)}` });
  }
  return null;
}

function listOf(value: string | null): readonly string[] {
  return value === null ? [] : value.split(",").map((item) => item.trim());
}

/** A Kubernetes service named `sfu-gateway` makes every pod beside it see SFU_GATEWAY_PORT=tcp://10.0.0.1:8071. */
function portOf(value: string | null, warnings: Fault[]): string | null {
  if (value === null || !/^(tcp|udp|sctp):\/\//.test(value)) return value;
  warnings.push({
    where: "SFU_GATEWAY_PORT",
    what: "",
    problem: "ignored: this is Kubernetes' service link, not a port (enableServiceLinks: false turns it off)",
  });
  return null;
}

/** The error of JSON.parse quotes the text, which holds keys; only the position is taken from it. */
function nodesOf(value: string | null, faults: Fault[]): readonly unknown[] | null {
  if (value === null) return null;
  const fault = (problem: string): null => {
    faults.push({ where: "SFU_GATEWAY_NODES", what: "", problem });
    return null;
  };
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch (error) {
    const position = / at position \d+/.exec(toError(error).message)?.[0] ?? "";
    return fault(`expected JSON like {"sfu": [{"address": …, "key": …}]}: not JSON${position}`);
  }
  const result = nodesSchema.safeParse(json);
  if (result.success) return result.data.sfu;
  return fault('expected JSON like {"sfu": [{"address": …, "key": …}]}');
}

export function warnOfMisspelt(env: Environment, warnings: Fault[]): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith("SFU_GATEWAY_") || KNOWN.includes(name) || /^SFU_GATEWAY_(SERVICE|PORT)_/.test(name)) continue;
    warnings.push({ where: name, what: "", problem: `no such variable${didYouMean(name, KNOWN)}` });
  }
}
