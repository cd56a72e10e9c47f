import { createHmac } from "node:crypto";

/** Keys of 32 bytes and more, as base64 text. */
export const GATEWAY_KEY = Buffer.from("the gateway's key, known to Odoo alone").toString("base64");
export const OTHER_KEY = Buffer.from("a key that nobody in these specs uses").toString("base64");

export function sfuKey(number: number): string {
  return Buffer.from(`the AUTH_KEY of simulated SFU number ${String(number)}`).toString("base64");
}

/** Far in the future of any fake clock. */
const EXP = 4_000_000_000;

export interface TokenParts {
  readonly header?: unknown;
  readonly claims?: unknown;
  readonly key?: string;
  readonly encoding?: "base64url" | "base64";
}

/**
 * A token as `addons/mail/tools/jwt.py` makes it, written out by hand so that the specs share no code with what they
 * test.
 */
export function token({ header, claims, key = GATEWAY_KEY, encoding = "base64url" }: TokenParts = {}): string {
  const encode = (value: unknown): string =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString(encoding);
  const signed = `${encode(header ?? { alg: "HS256", typ: "JWT" })}.${encode(claims ?? claimsOf("room"))}`;
  return `${signed}.${createHmac("sha256", Buffer.from(key, "base64")).update(signed).digest(encoding)}`;
}

/** The claims that Odoo sends for one conference. */
export function claimsOf(conference: string): Record<string, unknown> {
  return { iss: conference, key: Buffer.from(`channel key of ${conference}`).toString("base64"), exp: EXP };
}
