import { type Clock, systemClock } from "../clock.ts";
import { describeSystemError } from "../errors.ts";
import { readAuthorities } from "./authorities.ts";
import type { Config, Secrets } from "./config.ts";
import { type Environment, type EnvironmentSettings, readEnvironment } from "./env.ts";
import { ConfigError, type Fault } from "./fault.ts";
import { checkDuplicates, checkFleet, entriesOf } from "./fleet.ts";
import { type Merged, mergeDocuments } from "./merge.ts";
import { readText } from "./read-text.ts";
import { readSecrets } from "./secrets.ts";
import { toConfig } from "./to-config.ts";
import { parseToml, type TomlDocument } from "./toml.ts";
import { validateSettings } from "./validate.ts";
import { warnOfReaders, warnOfSettings } from "./warnings.ts";

export interface Sources {
  readonly env: Environment;
  /** Paths of the TOML files; null where the option was not given. */
  readonly secretsFile: string | null;
  readonly configFile: string | null;
  /** What certificates have expired by; the machine's unless a spec has its own. */
  readonly clock?: Clock;
}

export interface Loaded {
  readonly config: Config;
  readonly secrets: Secrets;
  /** What will work and is still worth a word to the operator. */
  readonly warnings: readonly Fault[];
  /** Those that were read beside the sources, for they are named in them. */
  readonly files: readonly string[];
}

/**
 * Reads the environment and both files, merges and checks them.
 *
 * @throws {ConfigError} with every fault that there is, so that one run of `check` is enough
 */
export function loadConfiguration({ env, secretsFile, configFile, clock = systemClock }: Sources): Loaded {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const environment = readEnvironment(env, faults, warnings);
  const [settingsToml, secretsToml] = [configFile, secretsFile].map((file) => readToml(file, faults));
  if (secretsFile !== null) warnOfReaders(secretsFile, warnings);
  if (secretsFile !== null && secretsToml?.isEmpty === true) faults.push(emptied(secretsFile));
  if (configFile !== null && holdsSecrets(settingsToml?.values)) warnOfReaders(configFile, warnings);

  const documents = [settingsToml, secretsToml].filter((document) => document !== null && document !== undefined);
  const merged = withNodes(mergeDocuments(documents, faults), environment, warnings);
  const settings = validateSettings(merged.values, merged.locate, faults);
  const texts = {
    sfus: settings?.sfu ?? keysOnly(merged.values),
    registryToken: settings?.registry.token ?? null,
    storeUrl: settings?.store.url ?? null,
  };
  const secrets = readSecrets(texts, environment, merged.locate, faults, warnings);
  checkDuplicates(merged, faults);
  if (settings !== null) {
    checkFleet(settings, environment, faults, warnings);
    warnOfSettings(settings, environment, merged, warnings);
  }
  const caFile = settings?.tls.ca_file ?? null;
  const files = caFile === null ? [] : [caFile];
  const where = merged.locate(["tls", "ca_file"]);
  const ca = caFile === null ? null : readAuthorities(caFile, { where, clock, faults, warnings });
  if (faults.length > 0 || settings === null) throw new ConfigError(faults, warnings, files);
  return deepFreeze({ config: toConfig(settings, environment, ca), secrets, warnings, files });
}

/** SFUs with their keys, the external list's token, or a password in the store's URL. */
function holdsSecrets(values: Readonly<Record<string, unknown>> = {}): boolean {
  const { sfu, registry, store } = values;
  const [token, url] = [fieldOf(registry, "token"), fieldOf(store, "url")];
  return sfu !== undefined || token !== undefined || (typeof url === "string" && /@|password/.test(url));
}

function fieldOf(table: unknown, name: string): unknown {
  return typeof table === "object" && table !== null ? (table as Record<string, unknown>)[name] : undefined;
}

/** A full disk, or an editor half way through, must not look like a fleet without SFUs. */
function emptied(where: string): Fault {
  return { where, what: "", problem: "the file is empty, expected [[sfu]] tables, or a comment where there are none" };
}

function readToml(file: string | null, faults: Fault[]): TomlDocument | null {
  if (file === null) return null;
  let content: string;
  try {
    content = readText(file);
  } catch (error) {
    faults.push({ where: file, what: "", problem: `cannot be read: ${describeSystemError(error)}` });
    return null;
  }
  return parseToml(file, content, faults);
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
  return entriesOf(values).map((entry) => {
    const key = typeof entry === "object" && entry !== null && "key" in entry ? entry.key : undefined;
    return { address: "", key: typeof key === "string" ? key : "" };
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
