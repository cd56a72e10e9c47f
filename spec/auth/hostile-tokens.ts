import { ALGORITHMS } from "./hostile/algorithms.ts";
import { EXTENSIONS } from "./hostile/extensions.ts";
import { JSON_TEXTS } from "./hostile/json.ts";
import { KEYS } from "./hostile/keys.ts";
import { NAMES } from "./hostile/names.ts";
import { SHAPES } from "./hostile/shapes.ts";
import { SIGNATURES } from "./hostile/signatures.ts";
import { SPELLINGS } from "./hostile/spellings.ts";
import { TIMES } from "./hostile/times.ts";
import type { HostileToken } from "./hostile/token.ts";

/**
 * What a gateway says to tokens that somebody means ill with. Two rules decide where it is not plain:
 *
 * 1. What Odoo or odoo/sfu's own signer may send is taken.
 * 2. What two readers could read differently is refused, though this one would know how to read it.
 */
export const HOSTILE_TOKENS: Readonly<Record<string, readonly HostileToken[]>> = {
  "the algorithm": ALGORITHMS,
  "the key": KEYS,
  "what the header asks for": EXTENSIONS,
  "the shape": SHAPES,
  "the signature": SIGNATURES,
  "the spelling": SPELLINGS,
  "the JSON": JSON_TEXTS,
  "the times": TIMES,
  "the names and keys in it": NAMES,
};
