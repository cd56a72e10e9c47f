import { isDeepStrictEqual } from "node:util";
import { isSameSecret } from "../../auth/secret.ts";
import type { Registry } from "../registry.ts";
import type { Sfu, Source } from "../sfu.ts";

/** What one source has in the registry, as a whole. */
export interface SourceList {
  readonly size: number;
  /**
   * Puts this list in the place of the one before.
   *
   * @returns whether anything has changed
   */
  take(sfus: readonly Sfu[]): boolean;
}

export function createSourceList(registry: Registry, source: Source): SourceList {
  /** By address. */
  let listed: ReadonlyMap<string, Sfu> = new Map();
  return {
    get size() {
      return listed.size;
    },
    take(sfus) {
      // An unchanged entry stays the very same object: what others know of an SFU may hang on it.
      const kept = sfus.map((sfu) => {
        const present = listed.get(sfu.address);
        return present !== undefined && isSame(present, sfu) ? present : sfu;
      });
      const next = new Map(kept.map((sfu) => [sfu.address, sfu]));
      const changed = kept.filter((sfu) => listed.get(sfu.address) !== sfu);
      const dropped = [...listed.keys()].filter((address) => !next.has(address));
      listed = next;
      for (const sfu of changed) registry.put(sfu);
      for (const address of dropped) registry.remove(address, source);
      return changed.length + dropped.length > 0;
    },
  };
}

/** Keys and tokens show nothing of themselves to a comparison by structure. */
function isSame({ key, statsToken, ...rest }: Sfu, { key: otherKey, statsToken: otherToken, ...others }: Sfu): boolean {
  return key.equals(otherKey) && isSameSecret(statsToken, otherToken) && isDeepStrictEqual(rest, others);
}
