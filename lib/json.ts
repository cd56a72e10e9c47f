const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads JSON in UTF-8. Bytes that are not UTF-8 are refused, not replaced: two parties must not read one text in two ways.
 *
 * @throws {Error} whose message quotes what was read, so it is not for showing
 */
export function parseJson(bytes: Uint8Array, reviver?: (name: string, value: unknown) => unknown): unknown {
  return JSON.parse(UTF8.decode(bytes), reviver);
}
