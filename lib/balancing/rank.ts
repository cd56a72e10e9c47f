import type { Sfu } from "../sfu/sfu.ts";
import type { Affinity } from "./affinity.ts";
import type { Placement, Strategy } from "./strategy.ts";

/** The SFUs that may take one request, best first, handed out one by one. */
export interface Candidates {
  /** How many are still to come, at most. */
  readonly left: number;
  /** The next one that is available at this moment: others may have failed it since the ranking. */
  next(): Sfu | null;
}

export type Rank = (conference: string, placement: Placement) => Candidates;

export interface RankTools {
  /** The SFUs that may be asked now. */
  readonly available: () => readonly Sfu[];
  readonly affinity: Affinity;
  readonly strategy: Strategy;
}

/**
 * 1. The SFU that the conference is assigned to: its members are there.
 * 2. The others, as the strategy ranks them.
 *
 * The strategy is asked only when its answer is needed: it counts what it hands out.
 */
export function createRank({ available, affinity, strategy }: RankTools): Rank {
  return (conference, placement) => {
    const address = affinity.get(conference);
    const given = new Set<Sfu>();
    let ranked: readonly Sfu[] = [];

    const candidates = (): readonly Sfu[] => available().filter((sfu) => !given.has(sfu));
    const assigned = (open: readonly Sfu[]): Sfu | undefined =>
      given.size === 0 && address !== null ? open.find((sfu) => sfu.address === address) : undefined;
    const best = (open: readonly Sfu[]): Sfu | undefined => {
      const next = ranked.find((sfu) => open.includes(sfu));
      if (next !== undefined || open.length === 0) return next;
      // The first time, or for those who became available since.
      ranked = strategy(open, placement);
      return ranked[0];
    };

    return {
      get left() {
        return candidates().length;
      },
      next() {
        const open = candidates();
        const sfu = assigned(open) ?? best(open) ?? null;
        if (sfu !== null) given.add(sfu);
        return sfu;
      },
    };
  };
}
