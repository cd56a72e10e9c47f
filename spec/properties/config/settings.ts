import fc from "fast-check";
import type { z } from "zod";
import type { settingsSchema } from "../../../lib/config/schema.ts";
import { hostsOf, ipv4 } from "../sfu/addresses.ts";

/** What a file may hold, before its defaults. */
export type Document = z.input<typeof settingsSchema>;

const whole = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
const number = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(min, max),
    fc.double({ min, max, noNaN: true }).map((value) => value + 0),
  );
const ms = (min: number): fc.Arbitrary<number> => whole(min, 86_400_000);
/** Any text that a TOML file can hold. */
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
);
const key = fc
  .uint8Array({ minLength: 1, maxLength: 48 })
  .chain((bytes) =>
    fc.constantFrom<BufferEncoding>("base64", "base64url").map((as) => Buffer.from(bytes).toString(as)),
  );
const url = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("http", "https"),
      ipv4.chain((ip) => fc.constantFrom(...hostsOf(ip))),
    )
    .map((parts) => parts.join("://")),
  fc.tuple(fc.domain(), whole(1, 65_535), fc.constantFrom("", "/", "/a/b", "/a//")).map(([host, port, path]) => {
    return `https://${host}:${String(port)}${path}`;
  }),
);
const name = text.filter((one) => !/\p{Cc}/u.test(one));

const password = fc.oneof(fc.constant(""), text).map((one) => `:${encodeURIComponent(one)}@`);
const storeUrl = fc
  .tuple(fc.constantFrom("redis", "rediss"), fc.oneof(fc.constant(""), password), fc.domain(), whole(1, 65_535))
  .chain(([scheme, user, domain, port]) =>
    fc.constantFrom(
      `${scheme}://${user}${domain}:${String(port)}/1`,
      `${scheme}+sentinel://${user}${domain},[::1]:${String(port)}/main?sentinel_password=a`,
      `${scheme}+cluster://${user}${domain}:${String(port)},10.0.0.1`,
    ),
  );

const all = <T>(shape: { readonly [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const sfu = fc.record(
  {
    address: url,
    key,
    region: name,
    public_url: url,
    max_sessions: whole(1, 1_000_000),
    weight: number(0.01, 100),
    stats_token: text,
  },
  { requiredKeys: ["address", "key"] },
);

/** Any settings that are valid: every table and every key there or not. */
export const documents: fc.Arbitrary<Document> = all({
  sfu: fc.uniqueArray(sfu, { maxLength: 4, selector: ({ address }) => identityOf(address) }),
  balancing: all({
    strategy: fc.constantFrom("load" as const, "round-robin" as const),
    max_sessions: whole(1, 1_000_000),
    weights: all({
      sessions: number(0, 1000),
      cpu: number(0, 1000),
      memory: number(0, 1000),
      distance: number(0, 1000),
    }),
  }),
  failover: all({ max_retries: whole(1, 100), retry_timeout_ms: ms(10), attempt_timeout_ms: ms(10) }),
  breaker: all({
    error_threshold_percent: number(1, 100),
    minimum_requests: whole(1, 10_000),
    window_ms: ms(100),
    reset_timeout_ms: ms(10),
  }),
  overload: all({ max_cpu: number(0, 1), max_memory: number(0, 1), max_sessions_ratio: number(0, 10) }),
  health: all({
    interval_ms: ms(100),
    stats_interval_ms: ms(100),
    timeout_ms: ms(10),
    unhealthy_after: whole(1, 100),
    healthy_after: whole(1, 100),
  }),
  registration: all({
    ttl_ms: ms(1000),
    allow: fc.array(fc.constantFrom("https://*.sfu.example.com", "10.0.0.0/8", "http://127.0.0.1", "2001:db8::/32"), {
      maxLength: 3,
    }),
  }),
  registry: all({ url, interval_ms: ms(100), token: text }),
  affinity: all({ ttl_ms: ms(0) }),
  store: all({ url: storeUrl, prefix: fc.stringMatching(/^[\w.-]{1,64}$/) }),
  limits: all({ max_connections: whole(1, 1_000_000), max_requests: whole(1, 1_000_000) }),
  rate_limit: all({
    requests: whole(1, 1_000_000),
    window_ms: ms(100),
    auth_failures: whole(1, 1_000_000),
    auth_window_ms: ms(100),
  }),
  regions: fc.dictionary(name, fc.record({ latitude: number(-90, 90), longitude: number(-180, 180) }), { maxKeys: 3 }),
});

/** What makes two spellings the same SFU. */
function identityOf(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname.replace(/\/+$/, "");
}
