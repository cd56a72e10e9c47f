import { type AddressLimit, createAddressLimit, rateLimited } from "../address-limit.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Events, KeyKind } from "../events.ts";

/** For addresses whose tokens were refused too often; one for each kind of key. */
export interface Throttle {
  /**
   * Runs `verify`, and counts when it refuses the token of `address`. Only `invalid_token` counts: who shows none at all, like
   * a monitor, guesses nothing.
   *
   * @returns what `verify` does, a promise of it only where there was something to count
   * @throws {GatewayError} 429 `rate_limited`; whatever `verify` throws; some of it at once, some in the promise
   */
  watch<T>(address: string, verify: () => T): T | Promise<T>;
}

/** By what the tokens open: who fails at one may still get at the others. */
export type Throttles = Readonly<Record<KeyKind, Throttle>>;

/**
 * Odoo's tokens and heartbeats are verified however many came before: an address may be everybody's (a proxy's that is not
 * trusted, a cluster node's), and whoever sends twenty bad tokens from there a minute must not keep Odoo out. It takes one
 * HMAC to find that a token is none of them, and a key of theirs cannot be guessed. So these throttles change an answer: 429
 * in place of the reason. The admin token may be a word that somebody thought of, and nobody's calls depend on it: there
 * nothing is looked at until the window is over.
 */
export function createThrottles(settings: Config["authFailures"], events: Events): Throttles {
  const limits: Readonly<Record<KeyKind, AddressLimit>> = {
    odoo: createAddressLimit(settings),
    registration: createAddressLimit(settings),
    admin: createAddressLimit(settings),
  };
  events.on("reconfigured", ({ to: { authFailures } }) => {
    for (const limit of Object.values(limits)) limit.configure(authFailures);
  });
  // Who was refused may have had the new one already.
  events.on("keysChanged", ({ kind }) => limits[kind].forget());
  return {
    odoo: createThrottle(limits.odoo, "answers"),
    registration: createThrottle(limits.registration, "answers"),
    admin: createThrottle(limits.admin, "locks"),
  };
}

function createThrottle(limit: AddressLimit, mode: "answers" | "locks"): Throttle {
  const refuse = async (address: string, error: unknown): Promise<never> => {
    const waitMs = await limit.take(address);
    throw waitMs === null ? error : tooMany(waitMs);
  };
  if (mode === "answers") {
    return {
      watch(address, verify) {
        try {
          return verify();
        } catch (error) {
          if (isRefusal(error)) return refuse(address, error);
          throw error;
        }
      },
    };
  }
  return {
    async watch(address, verify) {
      // Counted before anybody has looked: of a thousand that come at once, all would be looked at else.
      const waitMs = await limit.take(address);
      if (waitMs !== null) throw tooMany(waitMs);
      try {
        const verified = verify();
        await limit.giveBack(address);
        return verified;
      } catch (error) {
        if (!isRefusal(error)) await limit.giveBack(address);
        throw error;
      }
    },
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.code === "invalid_token";
}

function tooMany(waitMs: number): GatewayError {
  return rateLimited("too many tokens from this address were refused", waitMs);
}
