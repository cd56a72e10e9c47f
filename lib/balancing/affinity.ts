import type { Store } from "../store/store.ts";

/** Conference → SFU: where the members of a call that is still young are, so that the next one gets there too. */
export interface Affinity {
  /** The address that the conference was last served by, or null where that is longer ago than the TTL. */
  get(conference: string): Promise<string | null>;
  /**
   * Notes who served the conference, and begins the TTL anew.
   *
   * @param before what {@link Affinity.get} had said: where somebody else has moved the conference since, that holds
   * @returns the address that the conference is assigned to from now on
   */
  assign(conference: string, address: string, before: string | null): Promise<string>;
}

/** @param ttlMs 0 keeps no assignment at all */
export function createAffinity(ttlMs: number, { assignments }: Pick<Store, "assignments">): Affinity {
  return {
    // There may be some from before a reload.
    get: (conference) => (ttlMs === 0 ? Promise.resolve(null) : assignments.get(conference)),
    async assign(conference, address, before) {
      if (ttlMs === 0) return address;
      if (before !== null && (await assignments.compareAndSet(conference, before, address, ttlMs))) return address;
      return assignments.setIfAbsent(conference, address, ttlMs);
    },
  };
}
