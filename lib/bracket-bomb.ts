/** As many as any small document may have. */
const ALWAYS_FINE = 1000;

/** Of bytes to a bracket: what SFUs write has one in 60, one in 15 where they are as terse as can be. */
const LEAST_BYTES_A_BRACKET = 8;

const OPENING_LIST = 0x5b;
const OPENING_OBJECT = 0x7b;

/**
 * Whether JSON has so many lists and objects for its length that it says nothing with them. Of eight megabytes of `[]`
 * JSON.parse makes some hundred megabytes of objects, and the process does nothing else for seconds.
 *
 * Strings are not told from the rest: there is no reason for them to be made of brackets either.
 */
export function isBracketBomb(json: Uint8Array): boolean {
  const limit = ALWAYS_FINE + json.length / LEAST_BYTES_A_BRACKET;
  let brackets = 0;
  // By index it takes 2 ms a megabyte, a fifth of what for…of does.
  let index = 0;
  while (index < json.length) {
    const byte = json[index++];
    if (byte === OPENING_LIST || byte === OPENING_OBJECT) brackets++;
  }
  return brackets > limit;
}
