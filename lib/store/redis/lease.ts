import type { Clock } from "../../clock.ts";

/** Of a turn, in milliseconds: so long others wait for a gateway that has died. Who lives renews it in time. */
export const LEASE_MS = 500;

/** What whoever has a turn knows of it. */
export interface Lease {
  /** Whether nobody else can have had the turn since it was taken: it never ran out, as far as this can be told from here. */
  isUnbroken(): boolean;
  stopRenewing(): void;
}

export interface LeaseTools {
  readonly clock: Clock;
  /** When the turn was asked for, on the clock's monotonic scale: it was granted later than that. */
  readonly askedMs: number;
  /** @returns whether it is this gateway's still, or again; rejects where nobody can tell */
  readonly renew: () => Promise<boolean>;
}

export function holdLease({ clock, askedMs, renew }: LeaseTools): Lease {
  let heldSinceMs = askedMs;
  let isBroken = false;
  const isUnbroken = (): boolean => !isBroken && clock.monotonic() - heldSinceMs < LEASE_MS;
  const extend = async (): Promise<void> => {
    const sentMs = clock.monotonic();
    const isHeld = await renew();
    // It may have run out before, and somebody else have come and gone.
    isBroken = !isHeld || !isUnbroken();
    heldSinceMs = sentMs;
  };
  const stopRenewing = clock.every(LEASE_MS / 3, () => void extend().catch(() => null));
  return { isUnbroken, stopRenewing };
}
