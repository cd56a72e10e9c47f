/**
 * Highest random weight hashing (Thaler and Ravishankar, 1998): everybody who knows the same names puts them into the same
 * order for a text, and one that comes or goes changes the place of nobody else.
 *
 * @returns a number that is evenly spread over (0, 1), the same for the same pair everywhere
 */
export function drawFor(text: string, name: string): number {
  const low = hash(name, hash(text, 0x9e3779b9));
  const high = hash(text, hash(name, 0x85ebca6b));
  return ((high >>> 5) * 2 ** 27 + (low >>> 5) + 0.5) / 2 ** 54;
}

/** The names in the order of their draws for a text, the highest first. */
export function orderFor(text: string, names: readonly string[]): readonly string[] {
  const draws = names.map((name) => ({ name, draw: drawFor(text, name) }));
  return draws.toSorted((a, b) => b.draw - a.draw).map(({ name }) => name);
}

/** FNV-1a over UTF-16 units, from a seed, with the finalizer of MurmurHash3, without which short names would be alike. */
function hash(text: string, seed: number): number {
  let sum = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return (sum ^ (sum >>> 16)) >>> 0;
}
