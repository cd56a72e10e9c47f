import { drawFor } from "../../rendezvous.ts";
import { best } from "../best.ts";
import { distances } from "../distances.ts";
import type { Strategy, StrategyTools } from "../strategy.ts";

/** A full SFU that is not overloaded still takes some. */
const LEAST_ROOM = 0.05;

/**
 * How fast an SFU's share falls with its distance, which is 1 half way round the Earth: between neighbouring countries by a
 * third, to one in 400 between continents.
 */
const FALL = 20;

export interface AgreedTools extends Pick<StrategyTools, "placeOf" | "distanceWeight" | "depth"> {
  readonly loads: Pick<StrategyTools["loads"], "reportedOf">;
  /** Whether the SFUs' loads count. */
  readonly byLoad: boolean;
}

/**
 * For gateways that cannot ask one another where a conference is: by what all of them know alike, the wanted region first,
 * and within it by lot. Each SFU draws for the conference, with chances by its weight, its size, the room that its last report
 * shows and its distance (weighted rendezvous hashing: −ln(draw) ÷ share, the lowest first; Schindelhauer and Schomaker,
 * 2005). What was placed since the reports is left out, for it is each gateway's own knowledge; and since it is lots that are
 * drawn, nobody is flooded all the same. Where two gateways see a share a little differently, they disagree on that little.
 */
export function createAgreedStrategy({ loads, placeOf, depth, distanceWeight, byLoad }: AgreedTools): Strategy {
  return (available, { region, place, agreeOn = "" }) => {
    const distanceTo = distances(place, placeOf, distanceWeight);
    return best(available, depth, (sfu, rating) => {
      const isWanted = region !== null && sfu.region === region;
      const room = byLoad ? sfu.maxSessions * Math.max(LEAST_ROOM, 1 - loads.reportedOf(sfu)) : 1;
      const share = sfu.weight * room * (isWanted ? 1 : Math.exp(-FALL * distanceTo(sfu)));
      rating.tier = isWanted ? 0 : 1;
      rating.score = -Math.log(drawFor(agreeOn, sfu.address)) / share;
    });
  };
}
