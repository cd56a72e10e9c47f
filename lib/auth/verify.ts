import { timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import { invalid } from "./invalid.ts";
import type { AuthKey } from "./keys.ts";
import { readToken, type UnverifiedToken } from "./read-token.ts";
import { type JsonObject, parseStrictly } from "./strict-json.ts";

/** What of a token's claims is the gateway's business: times are numbers of seconds since the Unix epoch. */
export type Claims = JsonObject & { readonly exp: number; readonly nbf?: number; readonly iat?: number };

/** A token whose signature, algorithm, times and `iss` have been checked. */
export interface Verified {
  /** The conference: the non-empty `iss`. */
  readonly conference: string;
  readonly claims: Claims;
  /** The claims as they were sent, byte for byte. */
  readonly payload: Buffer;
  /** The gateway key that the caller signed with. */
  readonly key: AuthKey;
}

export type Verify = (authorization: string | undefined) => Verified;

/** The SFUs accept an `iat` up to a minute ahead of their clock (contract.md). */
const FUTURE_IAT_S = 60;

/**
 * A verifier for tokens as Odoo sends them: HS256 under any of `keys`, with an `exp`, in either base64 alphabet.
 *
 * @throws {GatewayError} 401 `missing_token` or `invalid_token`, 403 `missing_issuer` (from the returned function).
 *   The message says what is wrong with the token and holds no part of it.
 */
export function createVerifier(keys: readonly AuthKey[], clock: Clock): Verify {
  return (authorization) => {
    const { claims, payload, key } = verifyWithAny(tokenOf(authorization), keys, clock);
    const { iss: conference } = claims;
    if (typeof conference !== "string" || conference === "") {
      throw new GatewayError("missing_issuer", "the token names no conference: its 'iss' claim is missing or empty", {
        status: 403,
      });
    }
    return { conference, claims, payload, key };
  };
}

/**
 * The SFUs refuse headers over 16 KB (contract.md), and the gateway puts some of its own beside the token. Odoo's tokens
 * have some 300 characters.
 */
export const MAX_TOKEN_LENGTH = 12 * 1024;

/**
 * The token is what follows the first space, whatever the scheme's name: older Odoo releases say `jwt`.
 *
 * @throws {GatewayError} 401 `missing_token`, `invalid_token`
 */
export function tokenOf(authorization = ""): string {
  const space = authorization.indexOf(" ");
  const token = space < 0 ? "" : authorization.slice(space).replace(/^ +/, "");
  if (token === "") {
    throw new GatewayError("missing_token", "expected 'Authorization: Bearer <JWT>'", { status: 401 });
  }
  if (token.length > MAX_TOKEN_LENGTH) throw invalid(`it is longer than ${String(MAX_TOKEN_LENGTH)} characters`);
  return token;
}

/**
 * Checks form, signature, algorithm and times; `exp` is required. What the token is made of is read before anything is
 * computed, its claims only once the signature is known to be one of `keys`'.
 *
 * All of it at once, and by `node:crypto`: jose, which every token of the specs and the fuzzer is shown to as well, goes
 * through WebCrypto and its threads, which takes nine times as long (`npm run bench:parts`).
 *
 * @param misfit what to say of a token that was signed with none of `keys`
 * @throws {GatewayError} 401 `invalid_token`
 */
export function verifyWithAny(
  text: string,
  keys: readonly AuthKey[],
  clock: Clock,
  misfit = "its signature fits none of the gateway's keys",
): Omit<Verified, "conference"> {
  const token = readToken(text);
  const key = keys.find((candidate) => isSignedWith(token, candidate));
  if (key === undefined) throw invalid(misfit);
  const claims = parseStrictly(token.payload, "payload");
  checkTimes(claims, Math.floor(clock.now() / 1000));
  return { claims, payload: token.payload, key };
}

/** Over the text as it was sent, in constant time. */
function isSignedWith({ signed, signature }: UnverifiedToken, key: AuthKey): boolean {
  const expected = key.signature(signed);
  return signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

/** RFC 7519, 4.1.4 to 4.1.6, without any leeway but that of the SFUs for `iat`. */
function checkTimes(claims: JsonObject, nowS: number): asserts claims is Claims {
  if (!Object.hasOwn(claims, "exp")) throw invalid("it has no 'exp' claim");
  const { exp, nbf, iat } = { exp: timeOf(claims, "exp"), nbf: timeOf(claims, "nbf"), iat: timeOf(claims, "iat") };
  if (nbf !== null && nbf > nowS) throw invalid("its 'nbf' claim is not valid");
  if (exp === null || exp <= nowS) throw invalid("it has expired: compare the clocks of both hosts");
  // An SFU answers it with a 500, which would look like a sick SFU.
  if (iat !== null && iat > nowS + FUTURE_IAT_S) {
    throw invalid(`its 'iat' is more than ${String(FUTURE_IAT_S)} s in the future: compare the clocks of both hosts`);
  }
}

/** Beyond these numbers, and at infinity (1e999), every reader sees another time or none. */
function timeOf(claims: JsonObject, name: "exp" | "nbf" | "iat"): number | null {
  const time = claims[name];
  if (time === undefined) return null;
  if (typeof time === "number" && Math.abs(time) <= Number.MAX_SAFE_INTEGER) return time;
  throw invalid(`its '${name}' claim is not valid`);
}
