import { type Door, encode, mint } from "./mint.ts";
import { type HostileToken, type Verdict } from "./token.ts";

const AT = ["a channel"] as const;
const KEY = `"key":"${Buffer.from("a channel's key").toString("base64")}"`;

function row(name: string, verdict: Verdict, members: (door: Door) => string): HostileToken {
  const make = (door: Door): string => mint(door, { payload: `{${members(door)},"exp":${String(door.nowS() + 60)}}` });
  return { name, make, verdict, only: AT };
}

function named(name: string, verdict: Verdict, iss: string): HostileToken {
  return row(`iss: ${name}`, verdict, () => `"iss":${iss},${KEY}`);
}

/** Behind the rightful name and key. */
function beside(name: string, verdict: Verdict, more: string): HostileToken {
  return row(name, verdict, () => `"iss":"a room of its own ${encode(name)}",${more}`);
}

const NO_NAMES: readonly string[] = [
  '""',
  "null",
  "0",
  "7",
  "1e999",
  "true",
  "false",
  "[]",
  '["room"]',
  "{}",
  '{"iss":"room"}',
];

const ODD_NAMES: Readonly<Record<string, string>> = {
  "a space": " ",
  "a NUL": "room\\u0000",
  "a line break": "room\\r\\nX-Injected: 1",
  "from right to left": "\\u202emoor",
  "something of JavaScript's": "__proto__",
  "a path": "../../../etc/passwd",
  SQL: "'; DROP TABLE channels; --",
  "10,000 characters": "r".repeat(8000),
};

const NO_TEXTS: readonly string[] = ["0", "7", "true", "false", "[]", '["a2V5"]', "{}", "1e999"];

/** Whose conference it is, and the keys of its channel: what only `/v1/channel` reads. */
export const NAMES: readonly HostileToken[] = [
  row("no iss", "missing_issuer", () => KEY),
  row("Iss for iss", "missing_issuer", () => `"Iss":"room",${KEY}`),
  row("iss below __proto__", "missing_issuer", () => `"__proto__":{"iss":"room"},${KEY}`),
  ...NO_NAMES.map((text) => named(text, "missing_issuer", text)),
  ...Object.entries(ODD_NAMES).map(([name, text]) => named(name, "taken", `"${text}"`)),
  row("iss twice", "invalid_token", () => `"iss":"mine","iss":"theirs",${KEY}`),
  row("iss twice, once escaped", "invalid_token", () => `"iss":"mine","\\u0069ss":"theirs",${KEY}`),
  named("half of a surrogate pair", "invalid_token", '"room\\ud800"'),
  ...NO_TEXTS.map((text) => beside(`a key that is ${text}`, "invalid_claims", `"key":${text}`)),
  ...NO_TEXTS.map((text) => beside(`a keySeed that is ${text}`, "invalid_claims", `${KEY},"keySeed":${text}`)),
  beside("an empty keySeed", "invalid_claims", `${KEY},"keySeed":""`),
  beside("a keySeed that is not base64", "invalid_claims", `${KEY},"keySeed":"!"`),
  beside("a keySeed of a length that nothing encodes to", "invalid_claims", `${KEY},"keySeed":"c2VlZ"`),
  beside("a keySeed that is null, beside a key", "taken", `${KEY},"keySeed":null`),
  beside("a keySeed, and a key that is no text in its shade", "taken", '"key":7,"keySeed":"c2VlZA"'),
  beside(
    "a keySeed, and a deep nesting",
    "invalid_token",
    `"keySeed":"c2VlZA","x":${"[".repeat(4000)}${"]".repeat(4000)}`,
  ),
  beside("a keySeed twice", "invalid_token", '"keySeed":"c2VlZA","keySeed":"c2VlZA"'),
];
