import type { Clock } from "../clock.ts";
import { invalid } from "./invalid.ts";
import type { AuthKey } from "./keys.ts";
import { tokenOf, verifyWithAny } from "./verify.ts";

/** A heartbeat's token whose signature, algorithm and times have been checked. Times are seconds since the Unix epoch. */
export interface HeartbeatToken {
  readonly issuedAtS: number | null;
  readonly expiresAtS: number;
  /** From `jti`; null where the token may be used with more than one body. */
  readonly id: string | null;
  readonly issuer: string | null;
  /** The claims as they were sent, byte for byte. */
  readonly payload: Buffer;
}

export type VerifyHeartbeat = (authorization: string | undefined) => HeartbeatToken;

/** The longest that a token may still live: so long a stolen one is of use. */
export const MAX_TOKEN_LIFE_S = 300;

/** Clocks of two hosts that are kept by NTP differ by less. */
const CLOCK_LEEWAY_S = 10;

/**
 * A verifier for heartbeats' tokens: HS256 under the registration key, with an `exp` that is at most five minutes ahead.
 *
 * @throws {GatewayError} 401 `missing_token` or `invalid_token` (from the returned function). The message says what is
 *   wrong with the token and holds no part of it.
 */
export function createHeartbeatVerifier(key: AuthKey, clock: Clock): VerifyHeartbeat {
  return (authorization) => {
    const misfit = "it is not signed with the registration key";
    const { claims, payload } = verifyWithAny(tokenOf(authorization), [key], clock, misfit);
    const { iat: issuedAtS = null, exp: expiresAtS, jti: id = null, iss: issuer = null } = claims;
    if (expiresAtS > clock.now() / 1000 + MAX_TOKEN_LIFE_S + CLOCK_LEEWAY_S) {
      throw invalid(`its 'exp' is more than ${String(MAX_TOKEN_LIFE_S)} s ahead`);
    }
    if (!isTextOrNull(id)) throw invalid("its 'jti' claim is not valid");
    if (!isTextOrNull(issuer)) throw invalid("its 'iss' claim is not valid");
    return { issuedAtS, expiresAtS, id, issuer, payload };
  };
}

function isTextOrNull(claim: unknown): claim is string | null {
  return claim === null || typeof claim === "string";
}
