import { type Clock, withDeadline } from "../clock.ts";
import { toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Store } from "../store/store.ts";
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
   * Takes over what the store has, except for addresses that were {@link Drains.set} here: that word is younger. Never
   * rejects; a store that fails is told of, and one that is slow is waited for in the background.
   */
  load(): Promise<void>;
  /**
   * In force here at once, whatever becomes of the store. Saying the same again saves it again.
   *
   * @param address of an SFU that may have left: it finds itself drained when it comes back
   */
  set(address: string, isDraining: boolean): Promise<Drained>;
}

/** Nobody waits for a store longer than this. */
const STORE_TIME_MS = 1000;

export function createDrains({
  store,
  registry,
  events,
  clock,
}: {
  readonly store: Store;
  readonly registry: Registry;
  readonly events: Events;
  readonly clock: Clock;
}): Drains {
  const drained = new Set<string>();
  /** The addresses that somebody had a word on here. */
  const settled = new Set<string>();

  const apply = (address: string): void => {
    const sfu = registry.get(address);
    if (sfu !== null) registry.setDraining(sfu, drained.has(address));
  };

  /** @returns whether it went well */
  const useStore = async (work: () => Promise<void>): Promise<boolean> => {
    const onTimeout = (): Error => new Error(`no answer within ${String(STORE_TIME_MS)} ms`);
    try {
      await withDeadline({ clock, timeoutMs: STORE_TIME_MS, onTimeout }, work);
      return true;
    } catch (error) {
      events.emit("unexpected", { where: "the store of the drains", error: toError(error) });
      return false;
    }
  };

  const save = async (address: string, isDraining: boolean): Promise<void> => {
    if (!isDraining) await store.drains.delete(address);
    // Who drains twice does not make it begin anew.
    else await store.drains.setIfAbsent(address, new Date(clock.now()).toISOString(), null);
  };

  events.on("sfuAdded", ({ sfu }) => {
    if (drained.has(sfu.address)) apply(sfu.address);
  });

  return {
    has: (address) => drained.has(address),

    async load() {
      await useStore(async () => {
        for (const address of (await store.drains.all()).keys()) {
          if (settled.has(address)) continue;
          drained.add(address);
          apply(address);
        }
      });
    },

    async set(address, isDraining) {
      const changed = drained.has(address) !== isDraining;
      settled.add(address);
      if (isDraining) drained.add(address);
      else drained.delete(address);
      apply(address);
      const isSaved = await useStore(() => save(address, isDraining));
      return { changed, durable: isSaved && (store.isDurable || !isDraining) };
    },
  };
}
