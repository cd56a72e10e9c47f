import { Events } from "../../../lib/events.ts";
import { createAddressRules } from "../../../lib/sfu/registration/address-rules.ts";
import { addressIn, parseBody, toHeartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { createRegistry } from "../../../lib/sfu/registry.ts";
import { createHeartbeats } from "../../../lib/sfu/sources/heartbeat.ts";
import { parseList } from "../../../lib/sfu/sources/parse-list.ts";
import { standingClock } from "../jwt.ts";
import { CANARY, must, outcomeOf, type Target } from "../target.ts";

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const WORDS = [
  ...[
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "1e999",
    "-1",
    "0.5",
    "1000001",
    "__proto__",
    "\\u0000",
    "\\ud800",
  ],
  ...[
    "address",
    "region",
    "key",
    "http://",
    "https://",
    "127.0.0.1",
    "[::ffff:127.0.0.1]",
    "localhost",
    "169.254.169.254",
  ],
  ...["@", "\\\\", "/", "?", "#", "%2e", "0x7f.1", "[::1]", ":8070", ":0", "=", "==", CANARY],
];

const heartbeat = {
  status: "up",
  address: "https://sfu1.example.com",
  region: "eu-west-3",
  key: CANARY,
  channels: 2,
  sessions: 5,
  cpuUsage: 0.5,
  memoryUsage: 0.25,
  maxSessions: 100,
};

const names = {
  addressesOf: (name: string) => Promise.resolve(name.endsWith(".test") ? ["127.0.0.1"] : ["203.0.113.1"]),
};
const rules = createAddressRules(["https://*.example.com", "10.0.0.0/8", "http://*.test"], names);

/** The body of `POST /v1/sfu`, its token being good. */
export const heartbeats: Target = {
  name: "heartbeats",
  seeds: [
    json(heartbeat),
    json({ status: "down", address: heartbeat.address }),
    json({ ...heartbeat, address: "http://10.0.0.5:8070", maxSessions: undefined }),
    json({ ...heartbeat, address: "http://a.test" }),
    json({ ...heartbeat, cpu_usage: 1 }),
    json([heartbeat]),
    Buffer.from("{"),
  ],
  words: [...WORDS, "status", "up", "down", "channels", "sessions", "cpuUsage", "memoryUsage", "maxSessions", ".test"],
  reaches: ["accepted", "invalid_heartbeat", "address_not_allowed"],
  run: (input) =>
    outcomeOf(async () => {
      // A registry of its own each time: an input has the same answer, whatever came before it.
      const events = new Events();
      const registry = createRegistry(standingClock, events);
      const source = createHeartbeats({
        clock: standingClock,
        events,
        registry,
        settings: { ttlMs: 30_000, maxSessions: 1000 },
      });
      try {
        const body = parseBody(input);
        const address = addressIn(body);
        const said = toHeartbeat(body);
        must(address === said.address, "calls an address by two names");
        await rules.check(said.address);
        source.take(said);
        const { hostname } = new URL(said.address);
        must(/^(10\.|[^.]+\.example\.com$|\[)/.test(hostname), "registers who is not allowed");
        must(registry.all().length === (said.status === "up" ? 1 : 0), "is not what it says");
        must(!JSON.stringify(registry.all().map(({ key }) => key)).includes(CANARY), "shows a key");
        return said.status;
      } finally {
        source.close();
      }
    }),
};

const entry = { address: "https://sfu1.example.com", key: CANARY, region: "eu-west-3", weight: 2, stats_token: CANARY };

/** The body of the external list. */
export const lists: Target = {
  name: "lists",
  seeds: [
    json({ sfu: [entry, { ...entry, address: "http://10.0.0.5:8070/a/", public_url: "https://b.example.com" }] }),
    json({ sfu: [] }),
    json({ sfu: [entry, entry, { ...entry, max_session: 1 }] }),
    json([entry]),
    Buffer.from(`{"sfu":[{"key":"${CANARY}`),
  ],
  words: [...WORDS, "sfu", "weight", "public_url", "max_sessions", "stats_token", "token"],
  reaches: ["accepted", "refused"],
  run: (input) =>
    outcomeOf(() => {
      const sfus = parseList(input, { maxSessions: 1000 });
      must(new Set(sfus.map(({ address }) => address)).size === sfus.length, "has one SFU twice");
      for (const { address, weight, maxSessions, key, source } of sfus) {
        must(/^https?:\/\/[^/]/.test(address) && !address.endsWith("/"), "takes what is no address");
        must(weight >= 0.01 && weight <= 100 && maxSessions >= 1 && key.length > 0, "takes an odd entry");
        must(source === "external", "takes it for another source's");
      }
      must(!JSON.stringify(sfus.map(({ key, statsToken }) => [key, statsToken])).includes(CANARY), "shows a key");
      return String(sfus.length);
    }),
};
