import { malformed } from "./invalid.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Claims are two or three deep; every reader gives up at a depth of its own, some at a hundred. */
export const MAX_DEPTH = 64;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Of a text that is JSON: a string, with the colon that makes a name of it, or the beginning or end of a nesting. */
const PIECE = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;

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

function refuseAmbiguity(text: string, part: string): void {
  /** The names in each object or, unused, array that is open. */
  const open: Set<string>[] = [];
  for (const [piece, literal, colon] of text.matchAll(PIECE)) {
    if (literal === undefined) {
      if (piece === "}" || piece === "]") open.pop();
      else if (open.push(new Set()) > MAX_DEPTH) throw malformed(`its ${part} is nested too deeply`);
      continue;
    }
    const string = literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1);
    if (!string.isWellFormed()) throw malformed(`its ${part} holds half of a surrogate pair`);
    if (colon === undefined) continue;
    const names = open.at(-1);
    if (names?.has(string) === true) throw malformed(`its ${part} has a member twice`);
    names?.add(string);
  }
}
