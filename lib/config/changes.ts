import { isDeepStrictEqual } from "node:util";
import type { AuthKey } from "../auth/keys.ts";
import { isSameSecret } from "../auth/secret.ts";
import type { KeyKind } from "../events.ts";
import type { Config, Secrets, SfuConfig } from "./config.ts";
import { describePath } from "./path.ts";

/** A configuration as it is in force. */
export interface Configuration {
  readonly config: Config;
  readonly secrets: Secrets;
}

/**
 * What differs, in the words of the files and the environment: `[failover] max_retries: 3 → 5`. Of whatever is secret, or
 * may hold a secret as the URL of the external list, only that it does.
 */
export function changesBetween(from: Configuration, to: Configuration): readonly string[] {
  return [
    ...fleetChanges(from, to),
    ...differences(settingsOf(from.config), settingsOf(to.config)).map((parts) => parts.join(": ")),
    ...storeChanges(from, to).map((parts) => parts.join(": ")),
    ...secretChanges(from.secrets, to.secrets),
  ];
}

/**
 * What differs of the store, by the settings' names: that it does, of its URL. The gateway connects when it starts, so a
 * change of it needs a restart.
 */
export function storeChanges(from: Configuration, to: Configuration): readonly (readonly [string, string])[] {
  const hasSamePasswords =
    isSameSecret(from.secrets.storePassword, to.secrets.storePassword) &&
    isSameSecret(from.secrets.sentinelPassword, to.secrets.sentinelPassword);
  const [{ prefix: was = null, ...before }, { prefix: is = null, ...after }] = [
    { ...from.config.store },
    { ...to.config.store },
  ];
  const hasSameUrl = isDeepStrictEqual(before, after) && hasSamePasswords;
  return [
    ...(hasSameUrl ? [] : [["[store] url", "changed"] as const]),
    ...(was === is ? [] : [["[store] prefix", `${shown(was)} → ${shown(is)}`] as const]),
  ];
}

function fleetChanges(from: Configuration, to: Configuration): string[] {
  const before = new Map(from.config.sfus.map((sfu) => [sfu.address, sfu]));
  const after = new Map(to.config.sfus.map((sfu) => [sfu.address, sfu]));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((address) => {
    const [was, is] = [before.get(address), after.get(address)];
    if (was === undefined) return [`[[sfu]] ${address}: added`];
    if (is === undefined) return [`[[sfu]] ${address}: removed`];
    const changes = [
      ...differences(entryOf(was), entryOf(is)).map((parts) => parts.join(" ")),
      ...sfuSecretChanges(address, from.secrets, to.secrets),
    ];
    return changes.length === 0 ? [] : [`[[sfu]] ${address}: ${changes.join(", ")}`];
  });
}

function sfuSecretChanges(address: string, from: Secrets, to: Secrets): string[] {
  const hasSameKey = isSameKey(from.sfuKeys.get(address) ?? null, to.sfuKeys.get(address) ?? null);
  const hasSameToken = isSameSecret(from.statsTokens.get(address) ?? null, to.statsTokens.get(address) ?? null);
  return [...(hasSameKey ? [] : ["key changed"]), ...(hasSameToken ? [] : ["stats_token changed"])];
}

/** Of what callers' tokens are checked against, that which is not the same. */
export function changedKeys(from: Secrets, to: Secrets): readonly KeyKind[] {
  const hasSameKeys =
    from.gatewayKeys.length === to.gatewayKeys.length &&
    from.gatewayKeys.every((key, index) => isSameKey(key, to.gatewayKeys[index] ?? null));
  const isSame: Readonly<Record<KeyKind, boolean>> = {
    odoo: hasSameKeys,
    registration: isSameKey(from.registrationKey, to.registrationKey),
    admin: isSameSecret(from.adminToken, to.adminToken),
  };
  return (["odoo", "registration", "admin"] as const).filter((kind) => !isSame[kind]);
}

function secretChanges(from: Secrets, to: Secrets): string[] {
  const changes: Readonly<Record<KeyKind, string>> = {
    odoo: `SFU_GATEWAY_KEY: changed, ${count(to.gatewayKeys)} (${count(from.gatewayKeys)} before)`,
    registration: "SFU_GATEWAY_REGISTRATION_KEY: changed",
    admin: "SFU_GATEWAY_ADMIN_TOKEN: changed",
  };
  return [
    ...changedKeys(from, to).map((kind) => changes[kind]),
    ...(isSameSecret(from.registryToken, to.registryToken) ? [] : ["[registry] token: changed"]),
  ];
}

function count(keys: readonly AuthKey[]): string {
  return `${String(keys.length)} ${keys.length === 1 ? "key" : "keys"}`;
}

function isSameKey(one: AuthKey | null, other: AuthKey | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}

/** By what the files call it; whatever is not set is not there. */
type Leaves = ReadonlyMap<string, unknown>;

/** All but the fleet and the store, each in the table and by the name that it has in the files. */
function settingsOf({ authFailures: { max: authFailures, windowMs: authWindowMs }, ...config }: Config): Leaves {
  const rateLimit = { ...config.rateLimit, authFailures, authWindowMs };
  return new Map(leavesOf([], { ...config, sfus: null, store: null, tls: { caFile: config.tls.ca }, rateLimit }));
}

function entryOf(sfu: SfuConfig): Leaves {
  return new Map(Object.entries(sfu).map(([name, value]) => [snakeCase(name), value]));
}

function leavesOf(path: readonly string[], value: unknown): (readonly [string, unknown])[] {
  if (value === null) return [];
  if (typeof value !== "object" || Array.isArray(value)) return [[describePath(path), value]];
  return Object.entries(value).flatMap(([name, inner]) => leavesOf([...path, snakeCase(name)], inner));
}

function differences(from: Leaves, to: Leaves): (readonly [name: string, change: string])[] {
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((name) => !isDeepStrictEqual(from.get(name) ?? null, to.get(name) ?? null))
    .map((name) => [name, NOT_SHOWN.includes(name) ? "changed" : `${shown(from.get(name))} → ${shown(to.get(name))}`]);
}

/** A URL that may have a password among its parameters, and many lines of base64. */
const NOT_SHOWN = ["[registry] url", "[tls] ca_file"];

function shown(value: unknown): string {
  return value === null || value === undefined ? "unset" : JSON.stringify(value);
}

/** The files' names, which the code writes in its own way: `retryTimeoutMs` is `retry_timeout_ms`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
