import { isIP } from "node:net";
import { inUrl, plainHost } from "./ip.ts";

/** Scheme, host and port of a URL. */
export interface Origin {
  readonly protocol: string;
  /** A name in lower case, or an IP address, in their one spelling. */
  readonly host: string;
  readonly port: number;
}

/** An item of `[registration] allow` that has a scheme. */
export interface OriginPattern {
  readonly protocol: string;
  /** As in an {@link Origin}; `*` in place of a label is any one. */
  readonly host: string;
  /** Null for any. */
  readonly port: number | null;
}

/** @param url http or https */
export function originOf({ protocol, hostname, port }: URL): Origin {
  const usual = protocol === "https:" ? 443 : 80;
  return { protocol, host: plainHost(hostname), port: port === "" ? usual : Number(port) };
}

/**
 * Reads an address that is nothing but an origin, more strictly than `URL`, which forgives much. All its spellings
 * become one text.
 *
 * @throws {OriginError} saying what was expected, never what was given
 */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  const fault = faultOf(text, url);
  if (url === null || fault !== null) throw new OriginError(`${EXPECTED}: ${fault ?? "this is not a URL"}`);
  return `${url.protocol}//${inUrl(plainHost(url.hostname))}${url.port === "" ? "" : `:${url.port}`}`;
}

/** Why a text is not an origin. The message holds nothing of the text. */
export class OriginError extends Error {
  override readonly name = "OriginError";
}

const EXPECTED = "expected an origin, like https://sfu1.example.com or http://10.0.0.5:8070";

/** Labels as host names have them. `URL` lets through more, which no DNS knows and no log line likes. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

function faultOf(text: string, url: URL | null): string | null {
  if (url === null) return "this is not a URL";
  if (url.protocol !== "http:" && url.protocol !== "https:") return "the scheme must be http or https";
  if (url.username !== "" || url.password !== "") return "no user or password may stand in it";
  if (url.search !== "" || url.hash !== "") return "no query and no fragment may stand in it";
  if (url.pathname !== "/") return "no path may stand in it";
  if (!/^https?:\/\/[^\s/\\?#@]+\/?$/i.test(text)) return "nothing may stand around it or behind its host and port";
  if (url.port === "0") return "nobody can listen at port 0";
  const host = plainHost(url.hostname);
  if (isIP(host) === 0 && !HOST_NAME.test(host)) return "its host is neither a name nor an IP address";
  return null;
}

/** @returns null where it is none; a `*` must stand for one whole label of a name */
export function parseOriginPattern(text: string): OriginPattern | null {
  const [, given, port] = /^https?:\/\/(\[[^\]]*\]|[^\s/\\?#@:]+)(?::(\d+))?\/?$/i.exec(text) ?? [];
  const url = URL.parse(text);
  if (url === null || given === undefined || url.port === "0") return null;
  const { protocol, host } = originOf(url);
  if (isIP(host) === 0 && !isNamePattern(host.split("."))) return null;
  return { protocol, host, port: port === undefined ? null : Number(port) };
}

/** An address with a `*` in it is no name: there are CIDRs for that. */
function isNamePattern(labels: readonly string[]): boolean {
  const last = labels.findLast((label) => label !== "*") ?? "";
  const example = labels.map((label) => (label === "*" ? "any" : label)).join(".");
  return !/^(\d+|0x[\da-f]*)$/.test(last) && HOST_NAME.test(example);
}

export function matches(pattern: OriginPattern, origin: Origin): boolean {
  if (pattern.protocol !== origin.protocol) return false;
  if (pattern.port !== null && pattern.port !== origin.port) return false;
  if (!hasWildcard(pattern)) return pattern.host === origin.host;
  if (isIP(origin.host) !== 0) return false;
  const labels = origin.host.split(".");
  const wanted = pattern.host.split(".");
  return wanted.length === labels.length && wanted.every((label, index) => label === "*" || label === labels[index]);
}

/** Whether it names more than one host. */
export function hasWildcard({ host }: OriginPattern): boolean {
  return host.includes("*");
}
