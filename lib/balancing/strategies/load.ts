import { best } from "../best.ts";
import { distances } from "../distances.ts";
import type { Strategy, StrategyTools } from "../strategy.ts";

/** The cases of {@link createLoadStrategy}, in their order. */
const WANTED_REGION = 0;
const WANTED_REGION_WARMING_UP = 1;
const ELSEWHERE = 2;
const ELSEWHERE_WARMING_UP = 3;

/** Where the operator has set all weights to 0 a conference costs nothing, and a tie is still one. */
const TINY = 1e-9;

/**
 * The least loaded, the wanted region first:
 *
 * 1. the SFUs of the region that the caller names, by their load,
 * 2. those of them that stand back for this conference, as they are warming up,
 * 3. all others by their load plus the distance to that region or country, 1 for half way round the Earth,
 * 4. those of them that stand back.
 *
 * Each counts for as loaded as if this conference became a large one (`Loads.scoring`). What differs by less than
 * one conference is a tie and falls at random, or several gateways would all choose alike.
 */
export function createLoadStrategy({ loads, slowStart, placeOf, random, ...settings }: StrategyTools): Strategy {
  return (available, { region, place }) => {
    const distanceTo = distances(place, placeOf, settings.distanceWeight);
    const scoreOf = loads.scoring();
    return best(available, settings.depth, (sfu, rating) => {
      const isWanted = region !== null && sfu.region === region;
      const standsBack = slowStart.standsBack(sfu);
      rating.score = scoreOf(sfu) + random() * (loads.costOf(sfu) + TINY) + (isWanted ? 0 : distanceTo(sfu));
      if (isWanted) rating.tier = standsBack ? WANTED_REGION_WARMING_UP : WANTED_REGION;
      else rating.tier = standsBack ? ELSEWHERE_WARMING_UP : ELSEWHERE;
    });
  };
}
