import type { Sfu } from "../sfu/sfu.ts";
import { type Coordinates, distanceKm, FARTHEST_KM } from "./geo.ts";

/**
 * What the distance adds to an SFU's score. One whose place nobody knows counts as farthest, and nobody's distance
 * counts where the caller names no place. SFUs of one region share the answer.
 */
export function distances(
  place: Coordinates | null,
  placeOf: (sfu: Sfu) => Coordinates | null,
  weight: number,
): (sfu: Sfu) => number {
  if (place === null || weight === 0) return () => 0;
  const known = new Map<string | null, number>();
  return (sfu) => {
    const present = known.get(sfu.region);
    if (present !== undefined) return present;
    const at = placeOf(sfu);
    const added = weight * (at === null ? 1 : distanceKm(place, at) / FARTHEST_KM);
    known.set(sfu.region, added);
    return added;
  };
}
