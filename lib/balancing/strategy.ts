import type { Sfu } from "../sfu/sfu.ts";
import type { Coordinates } from "./geo.ts";

/** Where a conference would like to be. */
export interface Placement {
  /** Lower case; null where the caller named none. */
  readonly region: string | null;
  /** Where that is: the region's place, else the country's; null where neither is known. */
  readonly place: Coordinates | null;
}

/**
 * All of `available`, best first. A ranking and not one pick, so that failover is plain iteration. It is called for
 * each request that no assignment served and may keep count of that; it leaves the array that it is given as it is.
 */
export type Strategy = (available: readonly Sfu[], placement: Placement) => readonly Sfu[];

export interface StrategyTools {
  /** Where an SFU is, null where its region is not on the map. */
  readonly placeOf: (sfu: Sfu) => Coordinates | null;
}
