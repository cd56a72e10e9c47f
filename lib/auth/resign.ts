import { CompactSign } from "jose";
import { GatewayError } from "../errors.ts";
import { type AuthKey, KeyError, parseKey } from "./keys.ts";
import type { Verified } from "./verify.ts";

/**
 * The claims as an SFU shall get them: byte for byte as the caller sent them, `keySeed` aside. An SFU would derive the
 * channel key from the seed with *its* key, Odoo derives it with *its own*, which is the gateway's; so the gateway
 * puts the derived key in the seed's place (contract.md, «o-sfu»).
 *
 * A `key` that is not text ends here. Both families refuse it, with 500 and with 401 (contract.md): three SFUs would be
 * asked, their keys checked, and a caller's mistake counted as a call that the fleet has lost.
 *
 * @throws {GatewayError} 400 `invalid_claims` where `keySeed` is not base64 text, or `key` is not text
 */
export function outgoingClaims({ claims, payload, key }: Verified): Buffer {
  // A claim that is null is none, or so it may be to an SFU.
  if ((claims.keySeed ?? null) === null) {
    if (typeof (claims.key ?? "") !== "string") throw notText("key");
    return payload;
  }
  const { keySeed, ...rest } = parseKeepingNumbers(payload);
  return Buffer.from(JSON.stringify({ ...rest, key: deriveChannelKey(key, keySeed) }));
}

/** What TypeScript does not know yet: https://github.com/tc39/proposal-json-parse-with-source */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source: string }) => unknown,
  ): Readonly<Record<string, unknown>>;
  rawJSON(text: string): unknown;
}

/** Numbers stay the text that they were: 2^53 + 1 and 1.0 would not survive being read and written. */
export function parseKeepingNumbers(payload: Uint8Array): Readonly<Record<string, unknown>> {
  const json = JSON as unknown as JsonWithSource;
  return json.parse(new TextDecoder().decode(payload), (_, value, { source }) =>
    typeof value === "number" ? json.rawJSON(source) : value,
  );
}

/** base64(HMAC-SHA256(key: the caller's key, data: base64decode(seed))), standard alphabet with padding. */
function deriveChannelKey(key: AuthKey, seed: unknown): string {
  if (typeof seed !== "string") throw notText("keySeed");
  try {
    parseKey(seed);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new GatewayError("invalid_claims", `the claim 'keySeed': ${error.message}`, { status: 400 });
  }
  return key.hmac(Buffer.from(seed, "base64")).toString("base64");
}

function notText(claim: string): GatewayError {
  return new GatewayError("invalid_claims", `expected the claim '${claim}' to be base64 text`, { status: 400 });
}

const HEADER = { alg: "HS256", typ: "JWT" } as const;
const ENCODED_HEADER = Buffer.from(JSON.stringify(HEADER)).toString("base64url");

/**
 * An HS256 JWT (RFC 7515, 3.1) over `payload`, which must be a JSON object in UTF-8. By `node:crypto` and at once: jose's way
 * leads through WebCrypto and its threads, which takes nine times as long (`npm run bench:parts`).
 */
export function sign(payload: Buffer, key: AuthKey): string {
  const signed = `${ENCODED_HEADER}.${payload.toString("base64url")}`;
  return `${signed}.${key.signature(signed)}`;
}

/** The same by jose, for claims that the gateway or one of its commands makes itself. */
export function signClaims(claims: Readonly<Record<string, unknown>>, key: AuthKey): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(HEADER).sign(key.cryptoKey());
}
