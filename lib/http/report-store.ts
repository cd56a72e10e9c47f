import type { StoreReport } from "../api/fleet.ts";
import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Store } from "../store/store.ts";

export interface StoreReportTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly store: Pick<Store, "isAway" | "instances">;
  /** Whether other gateways can be in it at all. */
  readonly isShared: boolean;
}

/** @returns what is told of the store at this moment, never where it is; null where nothing is shared */
export function createStoreReport({ clock, events, store, isShared }: StoreReportTools): () => StoreReport | null {
  if (!isShared) return () => null;
  let awaySinceMs: number | null = null;
  events.on("store", ({ isAway }) => {
    // It may be told again for another reason.
    awaySinceMs = isAway ? (awaySinceMs ?? clock.monotonic()) : null;
  });
  return () => {
    const instances = store.instances().length;
    if (!store.isAway()) return { away: false, forSeconds: null, instances };
    awaySinceMs ??= clock.monotonic();
    return { away: true, forSeconds: Math.floor((clock.monotonic() - awaySinceMs) / 1000), instances };
  };
}
