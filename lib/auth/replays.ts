import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import { createTtlCache } from "../ttl-cache.ts";
import { type HeartbeatToken, MAX_TOKEN_LIFE_S } from "./verify-heartbeat.ts";

/**
 * Knows the heartbeats that were accepted, for as long as their tokens are good, and lets none of them through again:
 *
 * 1. A token with a `jti` is used once. Where it has an `iss` too, the `jti` is that issuer's.
 * 2. One without is used once with each body, so that a sender may sign once for several heartbeats.
 * 3. Of one SFU, nothing is accepted that was issued before the last that was: what was held up on the way would undo it.
 */
export interface Replays {
  /**
   * Runs `accept` unless this is a replay, and remembers the heartbeat where that went well.
   *
   * @throws {GatewayError} 401 `replayed`; whatever `accept` throws
   */
  once<T>(heartbeat: SignedHeartbeat, accept: () => T): T;
}

export interface SignedHeartbeat {
  readonly token: HeartbeatToken;
  readonly address: string;
  /** As it was sent, byte for byte. */
  readonly body: Uint8Array;
}

/**
 * Bounds the memory, at about 100 bytes each: what 10,000 SFUs send in five minutes, twice. The oldest make room; the
 * third rule still holds for them.
 */
const MAX_USED = 100_000;

/** Twice what can be registered. */
const MAX_ADDRESSES = 20_000;

/** The clocks may be corrected meanwhile, and an `iat` may be a minute ahead. */
const MARGIN_MS = 60_000;

export function createReplays(clock: Clock): Replays {
  const used = createTtlCache<"used">(MAX_USED, null, clock);
  const latest = createTtlCache<{ readonly issuedAtS: number }>(
    MAX_ADDRESSES,
    MAX_TOKEN_LIFE_S * 1000 + MARGIN_MS,
    clock,
  );
  return {
    once(heartbeat, accept) {
      const { token, address } = heartbeat;
      const use = digestOf(heartbeat);
      if (used.has(use)) throw replayed("this heartbeat was accepted before, so sign each one anew");
      const lastS = latest.get(address)?.issuedAtS ?? -Infinity;
      const isOlder = token.issuedAtS !== null && token.issuedAtS < lastS;
      if (isOlder) throw replayed("a heartbeat that was signed later was accepted before");
      const result = accept();
      used.set(use, "used", { ttl: Math.max(0, token.expiresAtS * 1000 - clock.now()) + MARGIN_MS });
      if (token.issuedAtS !== null) latest.set(address, { issuedAtS: token.issuedAtS });
      return result;
    },
  };
}

/** Over the claims, not over the token's text: a signature has more than one spelling. */
function digestOf({ token: { id, issuer, payload }, body }: SignedHeartbeat): string {
  const hash = createHash("sha256");
  if (id !== null) return hash.update(JSON.stringify(["jti", issuer, id])).digest("base64");
  hash
    .update(`body ${String(payload.length)} `)
    .update(payload)
    .update(body);
  return hash.digest("base64");
}

function replayed(why: string): GatewayError {
  return new GatewayError("replayed", why, { status: 401 });
}
