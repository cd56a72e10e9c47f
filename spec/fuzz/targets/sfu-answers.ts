import { parseChannel } from "../../../lib/sfu/channel.ts";
import { parseStats } from "../../../lib/sfu/stats.ts";
import { CANARY, must, outcomeOf, type Target } from "../target.ts";

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const JSON_WORDS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "null",
  "true",
  "\\u0000",
  "\\ud800",
  "1e999",
  "-1",
  "0.5",
  "__proto__",
];

const UUID = "31dcc5dc-4d26-453e-9bca-ab1f5d268303";
const channel = (uuid: unknown, url: unknown): Buffer => json({ uuid, url, secret: CANARY });

/** The body of an SFU's answer to a join. */
export const channels: Target = {
  name: "channels",
  seeds: [
    channel(UUID, "https://sfu1.example.com:8443/a"),
    channel(UUID, "http://[2001:db8::1]:8070"),
    channel(UUID, "https://user:password@sfu1.example.com"),
    channel("", "javascript:alert(1)"),
    json([channel]),
    Buffer.from("<html>502</html>"),
  ],
  words: [
    ...JSON_WORDS,
    "uuid",
    "url",
    "http://",
    "https://",
    "wss://",
    "//",
    "@",
    "\\\\",
    "?",
    "#",
    "\\t",
    "%00",
    ":0",
    ":99999",
  ],
  reaches: ["accepted", "garbage"],
  run: (input) =>
    outcomeOf(() => {
      const { uuid, url, ...more } = parseChannel(input);
      const { protocol, username, password, hostname } = new URL(url);
      must(Object.keys(more).length === 0, "hands on more than Odoo needs");
      must(uuid !== "" && uuid.length <= 256 && url.length <= 2048, "hands on a text of any length");
      must(/^https?:$/.test(protocol) && hostname !== "", "hands on what browsers cannot connect to");
      must(username === "" && password === "", "hands on a password");
      return `${protocol} ${String(url.length > 40)}`;
    }),
};

const stat = (count: unknown, uuid: unknown = UUID): unknown => ({
  createDate: "2026-01-05T08:30:00.000Z",
  uuid,
  remoteAddress: CANARY,
  sessionsStats: {
    incomingBitRate: { audio: 0, camera: 0, screen: 0, total: 0 },
    count,
    cameraCount: 0,
    screenCount: 0,
  },
  webRtcEnabled: true,
});

/** The body of an SFU's statistics. */
export const stats: Target = {
  name: "stats",
  seeds: [json([stat(3), stat(0), stat(1_000_000)]), json([]), json([stat("3", 1)]), json({}), Buffer.from("")],
  words: [...JSON_WORDS, "uuid", "sessionsStats", "count", "1000000", "1000001", "9007199254740993", "[]", "{}"],
  reaches: ["accepted", "garbage"],
  run: (input) =>
    outcomeOf(() => {
      const { sessions, channels: count, ordinarySessions, uuids } = parseStats(input);
      for (const number of [sessions, count, ordinarySessions]) {
        must(Number.isSafeInteger(number) && number >= 0, "counts what cannot be");
      }
      must(ordinarySessions <= sessions && sessions <= count * 1_000_000, "counts more than there are");
      must(
        uuids.length <= count && uuids.every((uuid) => uuid !== "" && uuid.length <= 256),
        "names what is no channel",
      );
      return JSON.stringify([count > 0, count - uuids.length]);
    }),
};
