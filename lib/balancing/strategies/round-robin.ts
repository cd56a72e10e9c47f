import type { Sfu } from "../../sfu/sfu.ts";
import { best } from "../best.ts";
import { distances } from "../distances.ts";
import type { Strategy, StrategyTools } from "../strategy.ts";

/**
 * In turn, each by its weight, the wanted region first:
 *
 * 1. the SFUs of the region that the caller names,
 * 2. the others by their distance to that region or country, those that nobody knows the place of last.
 *
 * Within one of these, and among all where the caller names nothing, those that stand back as they are warming up come
 * last, and the others take turns by smooth weighted round-robin as nginx does it: every candidate gains its weight, the
 * richest goes first and pays what all gained. That stays even while SFUs come, go and fail.
 */
export function createRoundRobin({ placeOf, slowStart, depth }: StrategyTools): Strategy {
  const credits = new WeakMap<Sfu, number>();
  const creditOf = (sfu: Sfu): number => credits.get(sfu) ?? 0;

  return (available, { region, place }) => {
    const distanceTo = distances(place, placeOf, 1);
    const tiers = available.map((sfu) => {
      const near = region !== null && sfu.region === region ? -1 : distanceTo(sfu);
      return near + (slowStart.standsBack(sfu) ? SMALLEST_STEP : 0);
    });
    const nearest = tiers.reduce((a, b) => Math.min(a, b), Infinity);
    let gained = 0;
    available.forEach((sfu, index) => {
      if (tiers[index] !== nearest) return;
      credits.set(sfu, creditOf(sfu) + sfu.weight);
      gained += sfu.weight;
    });

    const ranked = best(available, depth, (sfu, rating, index) => {
      rating.tier = tiers[index] ?? Infinity;
      rating.score = -creditOf(sfu);
    });
    const [winner] = ranked;
    if (winner !== undefined) credits.set(winner, creditOf(winner) - gained);
    return ranked;
  };
}

/** Less than any difference between two distances: 2 cm, as a share of half way round the Earth. */
const SMALLEST_STEP = 1e-9;
