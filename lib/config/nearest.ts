import { closest, distance } from "fastest-levenshtein";

/** The one of `known` that somebody who typed `name` probably meant, or null where none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  const lowered = known.map((one) => one.toLowerCase());
  // The unit at the end is what people forget, and it is far in letters: ttl, ttl_ms.
  const candidate = lowered.find((one) => one.startsWith(`${wanted}_`)) ?? closestWithin(wanted, lowered);
  return known[lowered.indexOf(candidate ?? "")] ?? null;
}

/** The end of a sentence that says that there is no such `name`: `, did you mean …?`, or empty where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === null ? "" : `, did you mean ${meant}?`;
}

function closestWithin(wanted: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const candidate = closest(wanted, known);
  return distance(wanted, candidate) <= Math.max(2, wanted.length / 3) ? candidate : null;
}
