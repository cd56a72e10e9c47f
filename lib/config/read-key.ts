import { type AuthKey, KeyError, parseKey, RECOMMENDED_KEY_BYTES } from "../auth/keys.ts";
import type { Fault } from "./fault.ts";

/**
 * Turns one key's text into a key. What is wrong with it goes to `faults`, that it is weak to `warnings`; neither holds the
 * text.
 *
 * @returns null where it is no key
 */
export function readKey(
  text: string,
  place: Pick<Fault, "where" | "what">,
  faults: Fault[],
  warnings: Fault[],
): AuthKey | null {
  try {
    const key = parseKey(text);
    if (key.length < RECOMMENDED_KEY_BYTES) {
      const problem = `a weak key of ${String(key.length)} bytes, expected ${String(RECOMMENDED_KEY_BYTES)} or more`;
      warnings.push({ ...place, problem });
    }
    return key;
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    faults.push({ ...place, problem: error.message });
    return null;
  }
}
