import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import type { Sfu } from "../sfu/sfu.ts";
import type { Placement } from "./strategy.ts";

/** Of a large fleet those that a conference is most likely to go to, so that not each call looks at thousands. */
export interface Shortlist {
  /** @returns null where the whole fleet is to be looked at: a small one, or where the strategy has to see all of it */
  for(placement: Placement): readonly Sfu[] | null;
}

export interface ShortlistTools {
  readonly clock: Pick<Clock, "monotonic">;
  readonly fleet: { all(): readonly Sfu[] };
  readonly isAvailable: (sfu: Sfu) => boolean;
  /** The {@link LENGTH} best; null where the strategy has to see all of them each time. */
  readonly pick: (available: readonly Sfu[], placement: Placement) => readonly Sfu[] | null;
}

/** Enough for all that is placed before the next list, twice over; and little beside the fleets that have one. */
export const LENGTH = 64;
export const FROM_SFUS = 4 * LENGTH;

/** A list is made anew after so many conferences, which have filled half of it, and after so long: the others have reported. */
const USES = LENGTH / 2;
const FRESH_MS = 250;

/** A caller names what he likes. */
const MAX_PLACEMENTS = 32;

interface List {
  readonly sfus: readonly Sfu[];
  /** Who there was. */
  readonly all: readonly Sfu[];
  readonly madeAtMs: number;
  uses: number;
}

/**
 * The list is of a moment, what is made of it is not: whether one of it may be asked, and how loaded it is by now, is for
 * each call to find out.
 */
export function createShortlist({ clock, fleet, isAvailable, pick }: ShortlistTools): Shortlist {
  /** By where a conference would like to be. */
  const lists = new LRUCache<string, List>({ max: MAX_PLACEMENTS });

  const make = (key: string, placement: Placement, all: readonly Sfu[]): List | null => {
    const sfus = pick(all.filter(isAvailable), placement);
    if (sfus === null) return null;
    const list: List = { sfus, all, madeAtMs: clock.monotonic(), uses: 0 };
    lists.set(key, list);
    return list;
  };

  return {
    for(placement) {
      const all = fleet.all();
      // What all gateways have to agree on is worked out from the whole fleet.
      if (all.length < FROM_SFUS || placement.agreeOn !== undefined) return null;
      const key = JSON.stringify([placement.region, placement.place]);
      const present = lists.peek(key);
      const isFresh = present?.all === all && present.uses < USES && clock.monotonic() - present.madeAtMs < FRESH_MS;
      const list = isFresh ? present : make(key, placement, all);
      if (list === null) return null;
      list.uses++;
      return list.sfus;
    },
  };
}
