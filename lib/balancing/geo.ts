import { countries } from "./countries.ts";
import { regions } from "./regions.ts";

/** A place on the Earth, in degrees: latitude −90 (south) to 90 (north), longitude −180 (west) to 180 (east). */
export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

/** Knows places by name. A name that comes from a caller may be anything. */
export interface Geo {
  /**
   * Where a region is, or null for a name that nobody knows. Case-insensitive. A country's code is a region too, unless
   * a region has that name: operators write `be` or `fr` as readily as `eu-west-3`.
   */
  region(name: string): Coordinates | null;
  /** Where most people of a country are (ISO 3166-1 alpha-2, any case), or null if there is no such country. */
  country(code: string): Coordinates | null;
  /** Every name that `region` knows, lower case. */
  regionNames(): readonly string[];
}

/** Half of the Earth's circumference, in km: no two places are farther apart. */
export const FARTHEST_KM = 20_015;

/** Mean radius R₁ = (2a + b) / 3 of the Earth's ellipsoid (H. Moritz, "Geodetic Reference System 1980", 2000). */
const EARTH_RADIUS_KM = 6371.0088;

/**
 * Great-circle distance in km, from 0 to {@link FARTHEST_KM}, by the haversine formula (R. W. Sinnott, "Virtues of the
 * Haversine", Sky and Telescope 68, 1984), which unlike the law of cosines stays exact for near places. The Earth is
 * taken as a sphere: up to 0.6 % off.
 */
export function distanceKm(a: Coordinates, b: Coordinates): number {
  const haversine =
    squaredSineOfHalf(b.latitude - a.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * squaredSineOfHalf(b.longitude - a.longitude);
  // Rounding takes the haversine of some antipodes past 1, and only more rounding, in the root, may save the arcsine from
  // NaN. They are 20,015.1 km apart, too, which as a share of FARTHEST_KM would be more than 1.
  return Math.min(FARTHEST_KM, 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, haversine))));
}

/**
 * The built-in regions and countries.
 *
 * @param overrides the operator's own regions by name, in any case: they add to the built-in ones, or replace them
 */
export function createGeo(overrides: Readonly<Record<string, Coordinates>>): Geo {
  // Maps, since in a plain object a caller would find a region named "constructor".
  const byCode = new Map(Object.entries(countries).map(([code, place]) => [code.toLowerCase(), coordinates(place)]));
  const byName = new Map(byCode);
  for (const [name, place] of Object.entries(regions)) byName.set(name, coordinates(place));
  for (const [name, place] of Object.entries(overrides)) byName.set(name.toLowerCase(), place);
  return {
    region: (name) => byName.get(name.toLowerCase()) ?? null,
    country: (code) => byCode.get(code.toLowerCase()) ?? null,
    regionNames: () => [...byName.keys()],
  };
}

function coordinates([latitude, longitude]: readonly [latitude: number, longitude: number]): Coordinates {
  return { latitude, longitude };
}

function squaredSineOfHalf(degrees: number): number {
  return Math.sin(radians(degrees) / 2) ** 2;
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
