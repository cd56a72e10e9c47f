import type { Sfu } from "../../sfu/sfu.ts";
import { distanceKm } from "../geo.ts";
import type { Placement, Strategy, StrategyTools } from "../strategy.ts";

/**
 * In turn, each by its weight, the wanted region first:
 *
 * 1. the SFUs of the region that the caller names,
 * 2. the others by their distance to that region or country,
 * 3. those that nobody knows the place of.
 *
 * Within one of these, and among all where the caller names nothing, turns are taken by smooth weighted round-robin as
 * nginx does it: every candidate gains its weight, the richest goes first and pays what all gained. That stays even
 * while SFUs come, go and fail.
 */
export function createRoundRobin({ placeOf }: StrategyTools): Strategy {
  const credits = new WeakMap<Sfu, number>();
  const creditOf = (sfu: Sfu): number => credits.get(sfu) ?? 0;

  return (available, placement) => {
    const tier = new Map(available.map((sfu) => [sfu, tierOf(sfu, placement, placeOf)]));
    const nearest = Math.min(...tier.values());
    const first = available.filter((sfu) => tier.get(sfu) === nearest);
    for (const sfu of first) credits.set(sfu, creditOf(sfu) + sfu.weight);

    const ranked = available.toSorted((a, b) => (tier.get(a) ?? 0) - (tier.get(b) ?? 0) || creditOf(b) - creditOf(a));
    const [winner] = ranked;
    if (winner !== undefined)
      credits.set(winner, creditOf(winner) - first.reduce((sum, { weight }) => sum + weight, 0));
    return ranked;
  };
}

/** Lower is better: kilometres, before them the wanted region itself, and after them whatever is not on the map. */
function tierOf(sfu: Sfu, { region, place }: Placement, placeOf: StrategyTools["placeOf"]): number {
  if (region !== null && sfu.region === region) return -1;
  if (place === null) return 0;
  const at = placeOf(sfu);
  return at === null ? Number.POSITIVE_INFINITY : distanceKm(place, at);
}
