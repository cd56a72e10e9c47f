import { malformed } from "./invalid.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Claims are two or three deep; every reader gives up at a depth of its own, some at a hundred. */
export const MAX_DEPTH = 64;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** From here on: blanks, and then the colon that makes a name of the string before it. */
const COLON = /[ \t\n\r]*:/y;

/**
 * Reads a part of a token, and refuses what another reader could read differently, or not at all: bytes that are not
 * UTF-8 or begin with a byte order mark, a member that is there twice (some take the first, others the last), half of a
 * surrogate pair (all of them become one and the same character in UTF-8, and two conferences one), a deep nesting. The
 * time it takes is linear, and nothing recurs.
 *
 * @param part how the error calls it
 * @throws {GatewayError} 401 `invalid_token`
 */
export function parseStrictly(bytes: Uint8Array, part: "header" | "payload"): JsonObject {
  let text: string;
  let value: unknown;
  try {
    text = UTF8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw malformed(`its ${part} is not JSON in UTF-8`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(`its ${part} is not a JSON object`);
  }
  refuseAmbiguity(text, part);
  return value as JsonObject;
}

/** @param text which is known to be JSON */
function refuseAmbiguity(text: string, part: string): void {
  /** The names in each object or, unused, array that is open. */
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === "{" || letter === "[") {
      if (open.push(new Set()) > MAX_DEPTH) throw malformed(`its ${part} is nested too deeply`);
    } else if (letter === "}" || letter === "]") open.pop();
    if (letter !== '"') continue;
    const end = endOfString(text, at);
    const bare = text.slice(at + 1, end);
    const string = bare.includes("\\") ? (JSON.parse(`"${bare}"`) as string) : bare;
    if (!string.isWellFormed()) throw malformed(`its ${part} holds half of a surrogate pair`);
    at = end;
    COLON.lastIndex = end + 1;
    if (!COLON.test(text)) continue;
    const names = open.at(-1);
    if (names?.has(string) === true) throw malformed(`its ${part} has a member twice`);
    names?.add(string);
  }
}

/** @returns where the quotation mark is that ends what the one at `start` has begun */
function endOfString(text: string, start: number): number {
  let end = start;
  do end = text.indexOf('"', end + 1);
  while (isEscaped(text, end));
  return end;
}

/** An odd number of backslashes before it: each that is doubled stands for itself. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}
