import { LRUCache } from "lru-cache";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { GatewayError } from "./errors.ts";
import { networkOf } from "./sfu/registration/ip.ts";

export interface AddressLimitSettings {
  readonly max: number;
  readonly windowMs: number;
}

/**
 * How many of something an address may have within a window, which begins with the first of them and does not move. An
 * IPv6 caller is known by its network of 64 bits.
 */
export interface AddressLimit {
  /**
   * Counts one more.
   *
   * @returns null where that is within the limit, else the milliseconds that are left of the window
   */
  take(address: string): Promise<number | null>;
  /** Counts one less. */
  giveBack(address: string): Promise<void>;
  /** What was counted stays; a window that has begun ends as it would have. */
  configure(settings: AddressLimitSettings): void;
  /** All that was counted. */
  forget(): void;
}

/**
 * Bounds the memory, at about 500 bytes each: the limiter has none of its own. The least recently seen make room, so
 * whoever has that many networks to come from is not held by a limit for each.
 */
const MAX_ADDRESSES = 10_000;

export function createAddressLimit({ max, windowMs }: AddressLimitSettings): AddressLimit {
  const limiter = new RateLimiterMemory({ keyPrefix: "", points: max, duration: windowMs / 1000 });
  const known = new LRUCache<string, true>({
    max: MAX_ADDRESSES,
    dispose: (_, network) => void limiter.delete(network),
  });
  return {
    async take(address) {
      const network = networkOf(address);
      if (known.get(network) === undefined) known.set(network, true);
      try {
        await limiter.consume(network);
        return null;
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        // It goes by the wall clock, which may have been set back; its timer, which ends the window, does not.
        return Math.min(refusal.msBeforeNext, limiter.msDuration);
      }
    },
    async giveBack(address) {
      const network = networkOf(address);
      if (!known.has(network)) return;
      const { consumedPoints } = await limiter.reward(network);
      // Nothing is left to count, or the window was over.
      if (consumedPoints <= 0) known.delete(network);
    },
    configure(settings) {
      limiter.points = settings.max;
      limiter.duration = settings.windowMs / 1000;
    },
    forget: () => known.clear(),
  };
}

/** The answer to one who is beyond a limit. */
export function rateLimited(message: string, waitMs: number): GatewayError {
  return new GatewayError("rate_limited", message, {
    status: 429,
    retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
  });
}
