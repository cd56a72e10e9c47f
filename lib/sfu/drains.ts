import type { Clock } from "../clock.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "../events.ts";
import type { Registry } from "./registry.ts";

/** What has become of a drain, or of the end of one. */
export interface Drained {
  /** Whether it was otherwise before. */
  readonly changed: boolean;
  /** Whether it will still be so when this process has ended. Without a store nothing is drained then. */
  readonly durable: boolean;
}

/** Which SFUs shall get no new conference, present or not. Whoever wants to know of one that is asks the registry. */
export interface Drains {
  has(address: string): boolean;
  /**
   * In force here at once, whatever becomes of the store. Saying the same again saves it again.
   *
   * @param address of an SFU that may have left: it finds itself drained when it comes back
   */
  set(address: string, isDraining: boolean): Promise<Drained>;
}

/** For how long it is remembered that a drain is over: for a gateway that was out of reach when it ended. */
const OVER_MS = 86_400_000;

export function createDrains({
  store,
  registry,
  events,
  clock,
}: {
  readonly store: Pick<Store, "board" | "isDurable">;
  readonly registry: Registry;
  readonly events: Events;
  readonly clock: Clock;
}): Drains {
  /** By address: since when, ISO 8601. */
  const drained = new Map<string, string>();

  const put = (address: string, since: string): void => {
    if (since === "") drained.delete(address);
    else drained.set(address, since);
    const sfu = registry.get(address);
    if (sfu !== null) registry.setDraining(sfu, drained.has(address));
  };

  events.on("sfuAdded", ({ sfu }) => {
    if (drained.has(sfu.address)) registry.setDraining(sfu, true);
  });
  store.board.on("drains", ({ name, text }) => put(name, text));

  return {
    has: (address) => drained.has(address),

    async set(address, isDraining) {
      const changed = drained.has(address) !== isDraining;
      // Who drains twice does not make it begin anew.
      const since = isDraining ? (drained.get(address) ?? new Date(clock.now()).toISOString()) : "";
      put(address, since);
      const isSaved = await store.board.post("drains", address, since, isDraining ? null : OVER_MS);
      return { changed, durable: isSaved && (store.isDurable || !isDraining) };
    },
  };
}
