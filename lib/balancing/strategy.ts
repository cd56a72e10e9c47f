import type { Random } from "../clock.ts";
import type { Sfu } from "../sfu/sfu.ts";
import type { Coordinates } from "./geo.ts";
import type { Loads } from "./load.ts";
import type { SlowStart } from "./slow-start.ts";

/** Where a conference would like to be. */
export interface Placement {
  /** Lower case; null where the caller named none. */
  readonly region: string | null;
  /** Where that is: the region's place, else the country's; null where neither is known. */
  readonly place: Coordinates | null;
  /**
   * What all gateways know alike and go by, where they cannot ask one another and should choose the same SFU all the same:
   * the conference. Absent where they can.
   */
  readonly agreeOn?: string;
}

/**
 * The best of `available`, best first. A ranking and not one pick, so that failover is plain iteration. It is called for
 * each request that no assignment served and may keep count of that; it leaves the array that it is given as it is.
 */
export type Strategy = (available: readonly Sfu[], placement: Placement) => readonly Sfu[];

export interface StrategyTools {
  /** Where an SFU is, null where its region is not on the map. */
  readonly placeOf: (sfu: Sfu) => Coordinates | null;
  readonly loads: Loads;
  readonly slowStart: SlowStart;
  readonly random: Random;
  /** How much the distance counts, beside a load that is 1 when an SFU is full. */
  readonly distanceWeight: number;
  /** How many of the best are wanted, from 1: nobody asks for more, and sorting all of a large fleet takes its time. */
  readonly depth: number;
}
