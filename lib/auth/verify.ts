import { timingSafeEqual } from "node:crypto";
import { errors as joseErrors, jwtVerify, type JWTPayload } from "jose";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { AuthKey } from "./keys.ts";

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
 * The token is what follows the first space, whatever the scheme's name: older Odoo releases say `jwt`.
 *
 * @throws {GatewayError} 401 `missing_token`
 */
export function tokenOf(authorization: string | undefined): string {
  const space = authorization?.indexOf(" ") ?? -1;
  const token = space < 0 ? "" : (authorization?.slice(space + 1).trim() ?? "");
  if (token === "") {
    throw new GatewayError("missing_token", "expected 'Authorization: Bearer <JWT>'", { status: 401 });
  }
  return token;
}

/**
 * Checks signature, algorithm and times; `exp` is required.
 *
 * @param misfit what to say of a token that was signed with none of `keys`
 * @throws {GatewayError} 401 `invalid_token`
 */
export async function verifyWithAny(
  token: string,
  keys: readonly AuthKey[],
  clock: Clock,
  misfit = "its signature fits none of the gateway's keys",
): Promise<Omit<Verified, "conference">> {
  for (const key of keys) {
    const canonical = toUrlSafe(token, key);
    if (canonical === null) continue;
    try {
      const { payload: claims } = await jwtVerify(canonical, await key.cryptoKey(), {
        algorithms: ["HS256"],
        requiredClaims: ["exp"],
        currentDate: new Date(clock.now()),
      });
      return { claims, payload: Buffer.from(canonical.split(".")[1] ?? "", "base64url"), key };
    } catch (error) {
      if (!(error instanceof joseErrors.JWSSignatureVerificationFailed)) throw invalid(describe(error), error);
    }
  }
  throw invalid(misfit);
}

/**
 * odoo/sfu's own signer writes the standard alphabet with padding, which jose refuses. The signature covers the text
 * as it was sent, so it is checked over that, and the token is then signed again in the form that jose reads: jose
 * stays the only judge of header and claims.
 *
 * @returns the token in url-safe form, or null where `key` did not sign it
 */
function toUrlSafe(token: string, key: AuthKey): string | null {
  if (!/[+/=]/.test(token)) return token;
  const segments = token.split(".");
  const [header, payload, signature] = segments;
  if (segments.length !== 3 || header === undefined || payload === undefined || signature === undefined) return token;
  const given = Buffer.from(urlSafe(signature));
  const expected = Buffer.from(key.hmac(`${header}.${payload}`).toString("base64url"));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const signed = `${urlSafe(header)}.${urlSafe(payload)}`;
  return `${signed}.${key.hmac(signed).toString("base64url")}`;
}

function urlSafe(segment: string): string {
  return segment
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/={1,2}$/, "");
}

/** jose lets an `iat` of the future pass; an SFU answers it with a 500, which would look like a sick SFU. */
export function checkIssuedAt(claims: JWTPayload, clock: Clock): void {
  if (claims.iat !== undefined && claims.iat > Math.floor(clock.now() / 1000) + FUTURE_IAT_S) {
    throw invalid(`its 'iat' is more than ${String(FUTURE_IAT_S)} s in the future: compare the clocks of both hosts`);
  }
}

export function invalid(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_token", `the token was refused: ${reason}`, { status: 401, cause });
}

function describe(error: unknown): string {
  if (error instanceof joseErrors.JWTExpired) return "it has expired: compare the clocks of both hosts";
  if (error instanceof joseErrors.JWTClaimValidationFailed) {
    return error.reason === "missing" ? `it has no '${error.claim}' claim` : `its '${error.claim}' claim is not valid`;
  }
  if (error instanceof joseErrors.JOSEAlgNotAllowed) return "its algorithm is not HS256";
  return "it is not a well-formed JWT";
}
