import { closest, distance } from "fastest-levenshtein";

/** The one of `known` that somebody who typed `name` probably meant, or null where none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const candidate = closest(name.toLowerCase(), known);
  return distance(name.toLowerCase(), candidate.toLowerCase()) <= Math.max(2, name.length / 3) ? candidate : null;
}
