import { createHmac } from "node:crypto";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../../support/tokens.ts";

/** A route that asks for a token, and what a good one of it is made of. */
export interface Door {
  readonly name: "a channel" | "a disconnect" | "a heartbeat";
  /** The key that opens it, base64 text. */
  readonly key: string;
  /** Keys that open another door, or none. */
  readonly otherKeys: Readonly<Record<string, string>>;
  /** All claims but `exp`, as JSON without its braces; new at each call. */
  readonly members: () => string;
  /** Seconds since the Unix epoch. */
  readonly nowS: () => number;
}

export const REGISTRATION_KEY = Buffer.from("the key of all who may register").toString("base64");
export const ADMIN_TOKEN = Buffer.from("the token of those who may drain").toString("base64");

/** What opens nothing at either of Odoo's doors. */
export const STRANGERS: Readonly<Record<string, string>> = {
  "nobody's": OTHER_KEY,
  "an SFU's": sfuKey(1),
  "the other SFU's": sfuKey(2),
  "the registration": REGISTRATION_KEY,
  "the admin token's": ADMIN_TOKEN,
};

/** What opens nothing where SFUs register. */
export const STRANGERS_TO_SFUS: Readonly<Record<string, string>> = {
  "nobody's": OTHER_KEY,
  "an SFU's": sfuKey(1),
  "the other SFU's": sfuKey(2),
  "the gateway's": GATEWAY_KEY,
  "the admin token's": ADMIN_TOKEN,
};

export type Encoding = "base64url" | "base64";

export interface Parts {
  /** Text or bytes as they are, anything else as JSON. */
  readonly header?: unknown;
  readonly payload?: string | Buffer;
  readonly key?: string | Buffer;
  readonly hash?: string;
  readonly encoding?: Encoding;
  /** What becomes of the encoded segments before they are signed. */
  readonly respell?: (segment: string) => string;
}

export const HS256 = { alg: "HS256", typ: "JWT" };

function asItIs(segment: string): string {
  return segment;
}

/** Any token whatever, signed over just the text that it has. */
export function mint(door: Door, parts: Parts = {}): string {
  const { header = HS256, payload = claims(door), encoding = "base64url", respell = asItIs } = parts;
  const signed = [bytesOf(header), bytesOf(payload)].map((part) => respell(part.toString(encoding))).join(".");
  return `${signed}.${macOf(signed, door, parts).toString(encoding)}`;
}

export function macOf(signed: string, door: Door, { key = door.key, hash = "sha256" }: Parts = {}): Buffer {
  return createHmac(hash, typeof key === "string" ? Buffer.from(key, "base64") : key)
    .update(signed)
    .digest();
}

/** The claims of a good token, with more behind them or another `exp`. */
export function claims(door: Door, more = "", exp = String(door.nowS() + 60)): string {
  return `{${door.members()},"exp":${exp}${more === "" ? "" : `,${more}`}}`;
}

export function segmentsOf(token: string): [header: string, payload: string, signature: string] {
  return token.split(".") as [string, string, string];
}

export function encode(value: unknown): string {
  return bytesOf(value).toString("base64url");
}

/** Text and bytes as they are, anything else as JSON. */
function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/** The same bytes as text whose last character has bits that nobody needs: none where there are no such bits. */
export function otherSpellings(segment: string): readonly string[] {
  const bytes = Buffer.from(segment, "base64url");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet
    .split("")
    .map((last) => segment.slice(0, -1) + last)
    .filter((text) => text !== segment && Buffer.from(text, "base64url").equals(bytes));
}
