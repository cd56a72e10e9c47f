import { BlockList, isIP } from "node:net";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { parseOriginPattern } from "../sfu/registration/origin.ts";
import { parseStoreUrl } from "./store-url.ts";

/*
 * The tables of both TOML files, with every default. Units are in the names. A message says what was expected and
 * never what was given: the values may be secrets.
 */

const text = z
  .string({ error: ({ input }) => (input === undefined ? "missing" : "expected a string") })
  .min(1, "expected a string that is not empty");

function integer(from: number, to: number): z.ZodNumber {
  const expected = `expected a whole number from ${String(from)} to ${String(to)}`;
  return z.number({ error: expected }).int(expected).min(from, expected).max(to, expected);
}

function between(from: number, to: number): z.ZodNumber {
  const expected = `expected a number from ${String(from)} to ${String(to)}`;
  return z.number({ error: expected }).min(from, expected).max(to, expected);
}

/** A day, and the longest time that any setting takes. */
const milliseconds = (from = 1): z.ZodNumber => integer(from, 86_400_000);

/** An http or https URL as the operator wrote it, as an origin and path; by default without a slash at its end. */
export function httpUrl(
  what: string,
  textOf: (url: URL) => string = withoutSlash,
  mayHaveQuery = false,
): z.ZodType<string, string> {
  return text.transform((value, context) => {
    const url = URL.parse(value);
    const fault = urlFault(url, mayHaveQuery);
    if (url === null || fault !== null) {
      context.addIssue({ code: "custom", message: `expected ${what}${fault === null ? "" : `: ${fault}`}` });
      return z.NEVER;
    }
    return textOf(url);
  });
}

function withoutSlash({ origin, pathname }: URL): string {
  return origin + pathname.replace(/\/+$/, "");
}

function urlFault(url: URL | null, mayHaveQuery: boolean): string | null {
  if (url === null) return "this is not a URL";
  if (url.protocol !== "http:" && url.protocol !== "https:") return "the scheme must be http or https";
  if (url.username !== "" || url.password !== "") return "no user or password may stand in it";
  if (url.hash !== "" || (url.search !== "" && !mayHaveQuery)) {
    return mayHaveQuery ? "no fragment may stand in it" : "no query and no fragment may stand in it";
  }
  return null;
}

/** An SFU's address is its identity, so two spellings of one URL must become one text. */
const address = httpUrl("the SFU's URL, like http://10.0.0.5:8070");

const region = text
  .refine((name) => !/\p{Cc}/u.test(name), "expected a name without control characters")
  .transform((name) => name.toLowerCase());

/** One entry of a fleet: a `[[sfu]]` table, or its like in `SFU_GATEWAY_NODES` and in the external list. */
export const sfuSchema = z.strictObject(
  {
    address,
    key: text,
    region: region.optional(),
    public_url: httpUrl("the URL that browsers reach this SFU at, like https://sfu1.example.com").optional(),
    max_sessions: integer(1, 1_000_000).optional(),
    weight: between(0.01, 100).default(1),
    stats_token: text.optional(),
  },
  { error: "expected a table with an address and a key" },
);

/** What makes two entries the same SFU, whatever else may be wrong with them. */
export const sfuIdentity = z.object({ address });

/** One table of settings: strict, and all defaults where the file does not have it. */
function table<Shape extends z.ZodRawShape>(shape: Shape): z.ZodPrefault<z.ZodObject<Shape, z.core.$strict>> {
  return z.strictObject(shape, { error: "expected a table" }).prefault({} as never);
}

/** Who may register. */
const allow = z.array(text, { error: "expected a list of origins and CIDRs" }).check(({ value, issues }) => {
  value.forEach((item, index) => {
    if (isCidr(item) || parseOriginPattern(item) !== null) return;
    issues.push({ code: "custom", input: value, message: `item ${String(index + 1)}: ${EXPECTED_ALLOW_ITEM}` });
  });
});

const EXPECTED_ALLOW_ITEM =
  "expected an origin, like https://*.sfu.example.com, with * for one whole label, or a CIDR, like 10.0.0.0/8";

/** As the operator wrote it; read once more where it is used. */
const storeUrl = text.check(({ value, issues }) => {
  const url = parseStoreUrl(value);
  if (typeof url === "string") issues.push({ code: "custom", input: value, message: url });
});

const coordinates = z.strictObject(
  { latitude: between(-90, 90), longitude: between(-180, 180) },
  { error: "expected a table with latitude and longitude" },
);

export const settingsSchema = z.strictObject({
  sfu: z.array(sfuSchema, { error: "expected [[sfu]] tables" }).default([]),
  balancing: table({
    strategy: z.enum(["load", "round-robin"], { error: 'expected "load" or "round-robin"' }).default("load"),
    max_sessions: integer(1, 1_000_000).default(1000),
    weights: table({
      sessions: between(0, 1000).default(0.5),
      cpu: between(0, 1000).default(0.3),
      memory: between(0, 1000).default(0.2),
      distance: between(0, 1000).default(1),
    }),
  }),
  failover: table({
    max_retries: integer(1, 100).default(3),
    retry_timeout_ms: milliseconds(10).default(2500),
    attempt_timeout_ms: milliseconds(10).default(1000),
  }),
  breaker: table({
    error_threshold_percent: between(1, 100).default(50),
    minimum_requests: integer(1, 10_000).default(5),
    window_ms: milliseconds(100).default(10_000),
    reset_timeout_ms: milliseconds(10).default(10_000),
  }),
  overload: table({
    max_cpu: between(0, 1).default(0.95),
    max_memory: between(0, 1).default(0.95),
    max_sessions_ratio: between(0, 10).default(1),
  }),
  health: table({
    interval_ms: milliseconds(100).default(2000),
    stats_interval_ms: milliseconds(100).default(10_000),
    timeout_ms: milliseconds(10).default(1000),
    unhealthy_after: integer(1, 100).default(2),
    healthy_after: integer(1, 100).default(1),
  }),
  registration: table({
    ttl_ms: milliseconds(1000).default(30_000),
    allow: allow.optional(),
  }),
  registry: table({
    // There a slash at its end may make a difference, and a query, unlike in an address.
    url: httpUrl("the URL of the external list", ({ href }) => href, true).optional(),
    interval_ms: milliseconds(100).default(10_000),
    token: text.optional(),
  }),
  affinity: table({ ttl_ms: milliseconds(0).default(60_000) }),
  store: table({
    url: storeUrl.optional(),
    prefix: text.regex(/^[\w.-]{1,64}$/, "expected up to 64 letters, digits, -, _ and .").default("sfu-gateway"),
  }),
  limits: table({
    max_connections: integer(1, 1_000_000).default(10_000),
    max_requests: integer(1, 1_000_000).default(2000),
  }),
  tls: table({
    ca_file: text.refine(isAbsolute, "expected an absolute path, like /etc/sfu-gateway/ca.pem").optional(),
  }),
  rate_limit: table({
    requests: integer(1, 1_000_000).optional(),
    window_ms: milliseconds(100).default(60_000),
    auth_failures: integer(1, 1_000_000).default(20),
    auth_window_ms: milliseconds(100).default(60_000),
  }),
  regions: z
    .record(text, coordinates, { error: "expected [regions.NAME] tables" })
    .default({})
    .transform((regions) => new Map(Object.entries(regions).map(([name, place]) => [name.toLowerCase(), place]))),
});

export type Settings = z.output<typeof settingsSchema>;

/** `SFU_GATEWAY_NODES`, the fleet in place of the file's, and the external list. */
export const nodesSchema = z.strictObject({ sfu: z.array(z.unknown(), { error: 'expected {"sfu": […]}' }) });

const cidr = text.refine(isCidr, "expected an IP address or a CIDR, like 10.0.0.0/8");

export const environmentSchema = {
  port: text.regex(/^\d+$/, "expected a whole number from 0 to 65535").transform(Number).pipe(integer(0, 65_535)),
  bind: text.refine((value) => isIP(value) !== 0 || value === "localhost", "expected an IP address, like 0.0.0.0"),
  reusePort: z.enum(["true", "false"], { error: "expected true or false" }).transform((value) => value === "true"),
  trustedProxies: z.array(cidr),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
    error: "expected trace, debug, info, warn, error, fatal or silent",
  }),
};

function isCidr(value: string): boolean {
  return toBlockList([value]) !== null;
}

/** @returns null where one of `ranges` is neither an IP address nor a CIDR */
export function toBlockList(ranges: readonly string[]): BlockList | null {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix, ...rest] = range.split("/");
    // A BlockList takes no zone, like the one of fe80::1%eth0.
    const version = network.includes("%") ? 0 : isIP(network);
    const bits = version === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    if (version === 0 || rest.length > 0 || !(length <= bits)) return null;
    list.addSubnet(network, length, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
