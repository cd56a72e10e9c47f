import { createHmac, timingSafeEqual } from "node:crypto";

export type Claims = Readonly<Record<string, unknown>>;

export type Verdict = { readonly kind: "valid"; readonly claims: Claims } | { readonly kind: "invalid" };

/** Where the families' token checks differ. */
export interface TokenRules {
  /** Segments must be base64url without padding; otherwise both alphabets and padding will do. */
  readonly strict: boolean;
  readonly maxBytes: number;
  /** Whether a token is dead in the very second of its `exp`. */
  readonly expiresAtExp: boolean;
}

const invalid: Verdict = { kind: "invalid" };
const base64url = /^[A-Za-z0-9_-]+$/;
const maxIatAheadS = 60;

/** The same bytes that Odoo and both SFU families get from the text: either alphabet, padded or not. */
export function decodeKey(text: string): Buffer {
  return Buffer.from(text, "base64");
}

/** Checks an HS256 token as an SFU does. `nowMs`: milliseconds since the Unix epoch. */
export function checkToken(token: string, key: Buffer, nowMs: number, rules: TokenRules): Verdict {
  if (Buffer.byteLength(token) > rules.maxBytes) return invalid;
  const [header, payload, signature, ...more] = token.split(".");
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return invalid;
  if (rules.strict && ![header, payload, signature].every((segment) => base64url.test(segment))) return invalid;
  if (parseSegment(header)?.alg !== "HS256") return invalid;
  const expected = createHmac("sha256", key).update(`${header}.${payload}`).digest();
  if (!sameBytes(Buffer.from(signature, "base64"), expected)) return invalid;
  const claims = parseSegment(payload);
  return claims !== null && isTimely(claims, Math.floor(nowMs / 1000), rules) ? { kind: "valid", claims } : invalid;
}

/** What a token says, unchecked; `null` for anything that is not a token. */
export function claimsOf(token: string): Claims | null {
  const payload = token.split(".")[1];
  return payload === undefined ? null : parseSegment(payload);
}

function isTimely({ exp, nbf, iat }: Claims, nowS: number, rules: TokenRules): boolean {
  if (typeof exp === "number" && (rules.expiresAtExp ? exp <= nowS : exp < nowS)) return false;
  if (typeof nbf === "number" && nbf > nowS) return false;
  return !(typeof iat === "number" && iat > nowS + maxIatAheadS);
}

function parseSegment(segment: string): Claims | null {
  try {
    // Buffer.from takes either alphabet, with and without padding.
    const value: unknown = JSON.parse(Buffer.from(segment, "base64").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}

export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
