import { isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import type { Host, StoreSettings } from "./config.ts";

/** What a `[store] url` says. The passwords are text as yet. */
export interface StoreUrl extends Pick<StoreSettings, "at" | "isTls" | "username"> {
  readonly password: string | null;
  readonly sentinelPassword: string | null;
}

const EXPECTED =
  "expected redis://[user:password@]host[:port][/database], " +
  "redis+sentinel://[user:password@]host[:port],…/master[/database][?sentinel_password=…] " +
  "or redis+cluster://[user:password@]host[:port],…, each also with rediss for TLS";

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** What Sentinel itself takes for a master's name. */
const MASTER = /^[\w.-]+$/;

class Refusal extends Error {}

/**
 * Reads the URL of a store, of several hosts too, which no reader of URLs knows.
 *
 * @returns where it is wrong what is wrong and what was expected; never a part of it, for the password may be anywhere
 */
export function parseStoreUrl(text: string): StoreUrl | string {
  try {
    return parse(text.trim());
  } catch (error) {
    if (error instanceof Refusal) return `${error.message}, ${EXPECTED}`;
    throw error;
  }
}

/** Of one that {@link parseStoreUrl} has taken. */
export function readStoreUrl(text: string): StoreUrl {
  const url = parseStoreUrl(text);
  if (typeof url === "string") throw new Error("the store's URL was not validated");
  return url;
}

function parse(text: string): StoreUrl {
  const [, scheme = "", authority = "", path = "", query = null] = PARTS.exec(text) ?? [];
  const [, tls, kind = "single"] = SCHEME.exec(scheme.toLowerCase()) ?? refuse("not the URL of a Redis");
  // Whoever reads on from here would take a part of the password for the name of a host, and show it.
  if (/[@#]/.test(path + (query ?? "")) || authority.split("@").length > 2) {
    refuse("in a user or password the characters / ? # @ % have to be percent-encoded, like %2F for a slash");
  }
  const at = authority.lastIndexOf("@");
  const [username, password] = credentialsOf(authority.slice(0, Math.max(0, at)));
  const hosts = (port: number): Host[] =>
    authority
      .slice(at + 1)
      .split(",")
      .map((host) => hostOf(host, port));
  const segments = path.split("/").slice(1);
  const base = { isTls: tls === "s", username, password, sentinelPassword: null };
  if (query !== null && kind !== "sentinel") refuse("no ? may stand in it");

  if (kind === "sentinel") {
    const [master = "", database = "", ...rest] = segments;
    if (!MASTER.test(master)) refuse("the name that the sentinels know the master by is missing or is none");
    const sentinels = hosts(SENTINEL_PORT);
    const found = { kind, sentinels, master, database: databaseOf(database, rest) } as const;
    return { ...base, at: found, sentinelPassword: sentinelPasswordOf(query) };
  }
  const [database = "", ...rest] = segments;
  const number = databaseOf(database, rest);
  const nodes = hosts(REDIS_PORT);
  if (kind === "cluster") {
    if (number !== 0) refuse("a cluster has no databases");
    return { ...base, at: { kind, nodes } };
  }
  const [host, ...others] = nodes;
  if (host === undefined || others.length > 0) refuse("several hosts are a sentinel's or a cluster's");
  return { ...base, at: { kind: "single", host, database: number } };
}

/** Those that the URL names: of a sentinel's or a cluster's there may be others. */
export function hostsOf({ at }: Pick<StoreUrl, "at">): readonly Host[] {
  return at.kind === "single" ? [at.host] : at.kind === "sentinel" ? at.sentinels : at.nodes;
}

const PARTS = /^([^:/?#]*):\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/s;
const SCHEME = /^redis(s?)(?:\+(sentinel|cluster))?$/;

function credentialsOf(text: string): readonly [username: string | null, password: string | null] {
  const colon = text.indexOf(":");
  const [user, password] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  return [decoded(user), decoded(password)];
}

function hostOf(text: string, defaultPort: number): Host {
  const [, literal, name = "", port] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(text) ?? refuse("a host is none");
  const number = port === undefined ? defaultPort : Number(port);
  if (port === "" || number < 1 || number > 65_535) refuse("a port is not a number from 1 to 65535");
  if (literal !== undefined) {
    return isIPv6(literal) && !literal.includes("%")
      ? { host: literal.toLowerCase(), port: number }
      : refuse("what stands in brackets is no IPv6 address");
  }
  const host = domainToASCII(name);
  return /^[\w-]+(\.[\w-]+)*\.?$/.test(host) ? { host, port: number } : refuse("a host is missing or is none");
}

function databaseOf(text: string, rest: readonly string[]): number {
  if (rest.length > 0 || !/^\d{0,5}$/.test(text)) refuse("the database is not a number");
  return Number(text);
}

function sentinelPasswordOf(query: string | null): string | null {
  if (query === null) return null;
  const [name, ...value] = query.split("=");
  if (name !== "sentinel_password") refuse("behind the ? nothing but sentinel_password=… may stand");
  return decoded(value.join("="));
}

/** @returns null for an empty text */
function decoded(text: string): string | null {
  try {
    return text === "" ? null : decodeURIComponent(text);
  } catch {
    return refuse("a % has to be written %25");
  }
}

function refuse(problem: string): never {
  throw new Refusal(problem);
}
