import { invalid, malformed } from "./invalid.ts";
import { parseStrictly } from "./strict-json.ts";

/** A JWT whose form and header have been checked, and nothing else. */
export interface UnverifiedToken {
  /** What the signature covers: two segments, as they were sent. */
  readonly signed: string;
  /** The claims, in bytes that nobody has looked at. */
  readonly payload: Buffer;
  /** In the URL's base64 alphabet, without padding. */
  readonly signature: string;
}

/**
 * What would have another reader take another key than the gateway's, or make something else of the payload. The gateway
 * heeds none of these, and no signer of Odoo's or an SFU's writes them. What says nothing of the kind (`kid`, names that
 * nobody knows) is passed by, as RFC 7515 has it.
 */
const MISLEADING = ["crit", "b64", "zip", "enc", "cty", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"] as const;

/**
 * Reads the text of a JWT in the one way in which it can be read: three segments, each of them base64 in its one
 * spelling, in either alphabet but not in both, padded or not.
 *
 * @throws {GatewayError} 401 `invalid_token`
 */
export function readToken(text: string): UnverifiedToken {
  const segments = text.split(".", 4);
  const [header, payload, signature] = segments;
  if (segments.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw malformed("expected three segments");
  }
  if (/[+/]/.test(text) && /[-_]/.test(text)) throw malformed("it mixes both base64 alphabets");
  if (header !== lastGoodHeader) {
    checkHeader(bytesOf(header));
    lastGoodHeader = header;
  }
  return { signed: `${header}.${payload}`, payload: bytesOf(payload), signature: urlTextOf(signature) };
}

/** All of one Odoo's tokens have the same, and so have those of all the others: it need not be read a thousand times a second. */
let lastGoodHeader = "";

/**
 * Of several texts that decode to the same bytes (white space between, bits that nobody needs) only one: the bits of the
 * last letter that are in no byte are 0.
 */
const BASE64 = /^(?:[\w+/-]{4})*(?:[\w+/-][AQgw](?:==)?|[\w+/-]{2}[AEIMQUYcgkosw048]=?)?$/;

function bytesOf(segment: string): Buffer {
  return Buffer.from(checked(segment), "base64");
}

function urlTextOf(segment: string): string {
  const text = checked(segment);
  return /[+/=]/.test(text) ? text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") : text;
}

function checked(segment: string): string {
  if (!BASE64.test(segment)) throw malformed("expected base64 in each segment");
  return segment;
}

function checkHeader(bytes: Buffer): void {
  const header = parseStrictly(bytes, "header");
  if (header.alg !== "HS256") throw invalid("its algorithm is not HS256");
  const { typ = "JWT" } = header;
  if (typeof typ !== "string" || !/^(application\/)?jwt$/i.test(typ)) throw invalid("its type is not JWT");
  const misleading = MISLEADING.find((name) => Object.hasOwn(header, name));
  if (misleading !== undefined) throw invalid(`its header must not have '${misleading}'`);
}
