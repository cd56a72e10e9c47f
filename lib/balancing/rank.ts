import type { Availability, Sfu } from "../sfu/sfu.ts";
import type { Shortlist } from "./shortlist.ts";
import type { Placement, Strategy } from "./strategy.ts";

/** An SFU that may take this request. */
export interface Candidate {
  readonly sfu: Sfu;
  /** Whether the conference is there already, so that it brings no new one. */
  readonly isAssigned: boolean;
  /** Whether it is asked although it is out, for so is everybody else. */
  readonly isLastResort: boolean;
}

/** Why nobody may be asked: `overloaded` where some are merely full. */
export type Shortage = "overloaded" | "none";

/** The SFUs that may take one request, best first, handed out one by one. */
export interface Candidates {
  /** How many are still to come, counted up to `most`. */
  left(most: number): number;
  /** The next one that may be asked at this moment: others may have failed it since the ranking. */
  next(): Candidate | null;
  /** Those that would be next, if others were not finding out at this moment whether they are back. */
  beingTried(): readonly Sfu[];
  /** Why there is none, where none was ever handed out. */
  shortage(): Shortage;
}

/** @param assigned the address that the conference is assigned to, null for none */
export type Rank = (placement: Placement, assigned: string | null) => Candidates;

export interface RankTools {
  /** The whole fleet. */
  readonly fleet: {
    all(): readonly Sfu[];
    get(address: string): Sfu | null;
  };
  readonly availabilityOf: (sfu: Sfu) => Availability;
  /** Whether nobody is trying the SFU at this moment, out as it is. */
  readonly mayBeTried: (sfu: Sfu) => boolean;
  readonly strategy: Strategy;
  /** The whole fleet is looked at for each request without it. */
  readonly shortlist?: Shortlist;
}

/**
 * 1. The SFU that the conference is assigned to, if it may be asked at all: its members are there, be it drained or
 *    overloaded.
 * 2. The available ones, as the strategy ranks them.
 * 3. Where there is none, or none that serves, and none is merely full: those that are out and may have come back
 *    unnoticed, one request at a time for each (design: «When everything is open»); where nobody was asked before, again
 *    the one that the conference is assigned to first.
 *
 * The strategy is asked only when its answer is needed: it counts what it hands out.
 */
export function createRank({ fleet, availabilityOf, mayBeTried, strategy, shortlist }: RankTools): Rank {
  const isNotOut = (sfu: Sfu): boolean => availabilityOf(sfu).kind !== "out";
  const isAvailable = (sfu: Sfu): boolean => availabilityOf(sfu).kind === "available";
  const mayHaveReturned = (sfu: Sfu): boolean => {
    const now = availabilityOf(sfu);
    return now.kind === "out" && now.mayReturn && mayBeTried(sfu);
  };
  const isBeingTried = (sfu: Sfu): boolean => {
    const now = availabilityOf(sfu);
    return now.kind === "out" ? now.mayReturn && !mayBeTried(sfu) : "why" in now && now.why === "on_trial";
  };
  const isFull = (sfu: Sfu): boolean => {
    const now = availabilityOf(sfu);
    return now.kind === "assigned_only" && now.why === "overloaded";
  };

  return (placement, assigned) => {
    /** By address: a new entry for the same SFU makes no other one of it. */
    const given = new Set<string>();
    let ranked: readonly Sfu[] = [];
    let isResorting = false;

    const home = (mayTake: (sfu: Sfu) => boolean): Sfu | null => {
      if (given.size > 0 || assigned === null) return null;
      const sfu = fleet.get(assigned);
      return sfu !== null && mayTake(sfu) ? sfu : null;
    };

    const best = (mayTake: (sfu: Sfu) => boolean): Sfu | null => {
      const isLeft = (sfu: Sfu): boolean => !given.has(sfu.address) && mayTake(sfu);
      const next = ranked.find((sfu) => isLeft(sfu) && fleet.get(sfu.address) === sfu);
      if (next !== undefined) return next;
      const short =
        given.size === 0 && mayTake === isAvailable ? shortlist?.for(placement)?.filter(mayTake) : undefined;
      // The first time, or for those who became available since.
      const open = short?.length ? short : fleet.all().filter(given.size === 0 ? mayTake : isLeft);
      if (open.length === 0) return null;
      ranked = strategy(open, placement);
      return ranked[0] ?? null;
    };

    /** Whether those who are out may be asked, where nobody else is left: the last one that is in may have died just now. */
    const mayResort = (): boolean => isResorting || !fleet.all().some(isFull);

    return {
      left(most) {
        const atHome = home(isNotOut);
        let count = atHome === null ? 0 : 1;
        const add = (mayTake: (sfu: Sfu) => boolean): void => {
          for (const sfu of fleet.all()) {
            if (count >= most) return;
            if (sfu !== atHome && !given.has(sfu.address) && mayTake(sfu)) count++;
          }
        };
        add(isAvailable);
        if (isResorting || (count === 0 && mayResort())) add(mayHaveReturned);
        return Math.min(count, most);
      },
      next() {
        const usual = home(isNotOut) ?? best(isAvailable);
        const sfu = usual ?? (mayResort() ? (home(mayHaveReturned) ?? best(mayHaveReturned)) : null);
        if (sfu === null) return null;
        const isLastResort = usual === null;
        isResorting ||= isLastResort;
        given.add(sfu.address);
        return { sfu, isAssigned: sfu.address === assigned, isLastResort };
      },
      beingTried: () => (mayResort() ? fleet.all().filter((sfu) => !given.has(sfu.address) && isBeingTried(sfu)) : []),
      shortage: () => (fleet.all().some(isFull) ? "overloaded" : "none"),
    };
  };
}
