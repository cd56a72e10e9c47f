import type { Standpoint } from "../api/ranking.ts";
import type { Availability, Sfu } from "../sfu/sfu.ts";
import { distanceKm } from "./geo.ts";
import type { Loads } from "./load.ts";
import type { SlowStart } from "./slow-start.ts";
import type { Placement, Strategy, StrategyTools } from "./strategy.ts";

export interface ExplainTools {
  readonly fleet: { all(): readonly Sfu[] };
  readonly availabilityOf: (sfu: Sfu) => Availability;
  readonly loads: Loads;
  readonly slowStart: SlowStart;
  readonly placeOf: StrategyTools["placeOf"];
  /** What the distance adds to the score of an SFU, see `distances`. */
  readonly distancesTo: (placement: Placement) => (sfu: Sfu) => number;
  /** One that keeps no count, leaves nothing to chance and lets nobody stand back: what is explained moves nothing. */
  readonly strategy: Strategy;
}

export type Explain = (placement: Placement, assigned: string | null) => readonly Standpoint[];

/** The ranking that a request would get at this moment, those who are out at its end. */
export function createExplain(tools: ExplainTools): Explain {
  const { fleet, availabilityOf, loads, slowStart, placeOf, distancesTo, strategy } = tools;
  return (placement, assigned) => {
    const all = fleet.all().map((sfu) => ({ sfu, availability: availabilityOf(sfu) }));
    const isHome = (sfu: Sfu): boolean => sfu.address === assigned;
    const home = all
      .filter(({ sfu, availability }) => isHome(sfu) && availability.kind !== "out")
      .map(({ sfu }) => sfu);
    const open = all.filter(({ availability }) => availability.kind === "available").map(({ sfu }) => sfu);
    const others = strategy(open, placement).filter((sfu) => !home.includes(sfu));
    const ranks = new Map([...home, ...others].map((sfu, index) => [sfu, index + 1]));
    const distanceTo = distancesTo(placement);
    const scoreOf = loads.scoring();

    const standpoints = all.map(({ sfu, availability }): Standpoint => {
      const at = placeOf(sfu);
      const load = loads.of(sfu);
      const isWanted = placement.region !== null && sfu.region === placement.region;
      const distance = isWanted ? 0 : distanceTo(sfu);
      return {
        address: sfu.address,
        region: sfu.region,
        rank: ranks.get(sfu) ?? null,
        assigned: isHome(sfu),
        out: availability.kind === "available" ? null : availability.why,
        reason: availability.kind === "available" ? null : `it ${availability.reason}`,
        weight: sfu.weight,
        load,
        distanceKm: placement.place === null || at === null ? null : Math.round(distanceKm(placement.place, at)),
        room: loads.roomOf(sfu),
        distance,
        score: scoreOf(sfu) + distance,
        share: slowStart.shareOf(sfu),
      };
    });
    return standpoints.toSorted((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity));
  };
}
