import type { Clock, Random } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Sfu } from "../sfu/sfu.ts";

/** How long an SFU that comes back, or joins the fleet, is brought up gently, in milliseconds. */
export const WARM_UP_MS = 30_000;

/** The share that it begins with. */
const FIRST_SHARE = 0.1;

export interface SlowStart {
  /** The share of conferences that an SFU takes of those that it would be given, from 0.1 to 1. */
  shareOf(sfu: Sfu): number;
  /** Whether it shall stand back for this one. */
  standsBack(sfu: Sfu): boolean;
}

/**
 * An empty SFU looks best to everybody. Whoever has just come back stands back for nine conferences of ten, then for
 * fewer and fewer, until after {@link WARM_UP_MS} it takes all that it is given: as in Envoy's slow start its share grows
 * linearly. While the whole gateway is that young everybody is new, so nobody is.
 */
export function createSlowStart(clock: Clock, random: Random, events: Events): SlowStart {
  const sinceMs = new Map<string, number>();
  const startedMs = clock.monotonic();

  const begin = ({ address }: Sfu): void => {
    const nowMs = clock.monotonic();
    if (nowMs - startedMs > WARM_UP_MS) sinceMs.set(address, nowMs);
  };

  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => sinceMs.delete(sfu.address));
  events.on("health", ({ sfu, from, to }) => {
    const wasOut = ["down", "misconfigured", "expired"].includes(from.state);
    if (wasOut && (to.state === "healthy" || to.state === "unknown")) begin(sfu);
  });
  events.on("breaker", ({ sfu, to }) => {
    if (to === "closed") begin(sfu);
  });

  const shareOf = ({ address }: Sfu): number => {
    const since = sinceMs.get(address);
    if (since === undefined) return 1;
    const share = (clock.monotonic() - since) / WARM_UP_MS;
    if (share >= 1) sinceMs.delete(address);
    return Math.min(1, Math.max(FIRST_SHARE, share));
  };

  return {
    shareOf,
    standsBack(sfu) {
      const share = shareOf(sfu);
      return share < 1 && random() >= share;
    },
  };
}
