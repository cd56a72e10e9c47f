import type { Geo } from "../balancing/geo.ts";
import type { Placement } from "../balancing/strategy.ts";
import type { PartedQuery } from "./query.ts";

/** Where a request wants to be: the region's place where that is known, else the country's. */
export function placementOf({ region, country }: PartedQuery, geo: Geo): Placement {
  const place = (region === null ? null : geo.region(region)) ?? (country === null ? null : geo.country(country));
  return { region, place };
}
