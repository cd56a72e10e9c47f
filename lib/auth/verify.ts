import { timingSafeEqual } from "node:crypto";
import { errors as joseErrors, jwtVerify, type JWTPayload } from "jose";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import { invalid } from "./invalid.ts";
import type { AuthKey } from "./keys.ts";
import { readToken, type UnverifiedToken } from "./read-token.ts";
import { type JsonObject, parseStrictly } from "./strict-json.ts";

/** A token whose signature, algorithm, times and `iss` have been checked. */
export interface Verified {
  /** The conference: the non-empty `iss`. */
  readonly conference: string;
  readonly claims: Readonly<JWTPayload>;
  /** The claims as they were sent, byte for byte. */
  readonly payload: Uint8Array;
  /** The gateway key that the caller signed with. */
  readonly key: AuthKey;
}

export type Verify = (authorization: string | undefined) => Promise<Verified>;

/** The SFUs accept an `iat` up to a minute ahead of their clock (contract.md). */
const FUTURE_IAT_S = 60;

/**
 * A verifier for tokens as Odoo sends them: HS256 under any of `keys`, with an `exp`, in either base64 alphabet.
 *
 * @throws {GatewayError} 401 `missing_token` or `invalid_token`, 403 `missing_issuer` (from the returned function).
 *   The message says what is wrong with the token and holds no part of it.
 */
export function createVerifier(keys: readonly AuthKey[], clock: Clock): Verify {
  return async (authorization) => {
    const token = tokenOf(authorization);
    const { claims, payload, key } = await verifyWithAny(token, keys, clock);
    checkIssuedAt(claims, clock);
    const conference: unknown = claims.iss;
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
 * @param misfit what to say of a token that was signed with none of `keys`
 * @throws {GatewayError} 401 `invalid_token`
 */
export async function verifyWithAny(
  text: string,
  keys: readonly AuthKey[],
  clock: Clock,
  misfit = "its signature fits none of the gateway's keys",
): Promise<Omit<Verified, "conference">> {
  const token = readToken(text);
  const key = keys.find((candidate) => isSignedWith(token, candidate));
  if (key === undefined) throw invalid(misfit);
  checkTimes(parseStrictly(token.payload, "payload"));
  try {
    const { payload: claims } = await jwtVerify(forJose(text, token, key), await key.cryptoKey(), {
      algorithms: ["HS256"],
      requiredClaims: ["exp"],
      currentDate: new Date(clock.now()),
    });
    return { claims, payload: token.payload, key };
  } catch (error) {
    // Not as its cause: jose's errors hold the claims, and so a channel's key.
    throw invalid(describe(error));
  }
}

/** Over the text as it was sent, in constant time. */
function isSignedWith({ signed, signature }: UnverifiedToken, key: AuthKey): boolean {
  const expected = key.hmac(signed);
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/**
 * jose has the last word, but reads only the url-safe alphabet without padding. odoo/sfu's own signer writes the other one:
 * such a token, whose signature is known to be good, is signed again in the form that jose reads.
 */
function forJose(text: string, { header, payload }: UnverifiedToken, key: AuthKey): string {
  if (!/[+/=]/.test(text)) return text;
  const signed = `${header.toString("base64url")}.${payload.toString("base64url")}`;
  return `${signed}.${key.hmac(signed).toString("base64url")}`;
}

/** Beyond these numbers, and at infinity (1e999), every reader sees another time or none. */
function checkTimes(claims: JsonObject): void {
  for (const name of ["exp", "nbf", "iat"]) {
    const time = claims[name];
    if (typeof time === "number" && !(Math.abs(time) <= Number.MAX_SAFE_INTEGER)) {
      throw invalid(`its '${name}' claim is not valid`);
    }
  }
}

/** jose lets an `iat` of the future pass; an SFU answers it with a 500, which would look like a sick SFU. */
export function checkIssuedAt(claims: JWTPayload, clock: Clock): void {
  if (claims.iat !== undefined && claims.iat > Math.floor(clock.now() / 1000) + FUTURE_IAT_S) {
    throw invalid(`its 'iat' is more than ${String(FUTURE_IAT_S)} s in the future: compare the clocks of both hosts`);
  }
}

function describe(error: unknown): string {
  if (error instanceof joseErrors.JWTExpired) return "it has expired: compare the clocks of both hosts";
  if (error instanceof joseErrors.JWTClaimValidationFailed) {
    return error.reason === "missing" ? `it has no '${error.claim}' claim` : `its '${error.claim}' claim is not valid`;
  }
  return "it is not a well-formed JWT";
}
