import type { Clock } from "../../clock.ts";
import type { Events } from "../../events.ts";
import { BEAT, call } from "./scripts.ts";
import type { Seal } from "./seal.ts";
import type { ServerTime } from "./server-time.ts";
import type { Run } from "./session.ts";

export interface Instances {
  /** Those that were there when it was last seen, this one among them, in the order of their names. */
  known(): readonly string[];
  /**
   * Says that this one is alive, and sees who else is: the proof that the store can be written and read.
   *
   * @returns whether the store has lost what it knew of this one
   */
  beat(run: Run): Promise<boolean>;
  /**
   * Whether one has fallen silent without taking its leave, not long ago: it may be there, cut off from the store, and
   * place conferences by itself.
   */
  isAnyoneSilent(): boolean;
  /** The others need not wait for its end to be noticed. */
  leave(run: Run): Promise<void>;
}

export const BEAT_INTERVAL_MS = 1000;

/** Who has not been heard of for so long is gone, in milliseconds. */
const LIFE_MS = 3000;

/** Who has been silent for so long is dead, or somebody has seen to it that it gets no calls, in milliseconds. */
const SILENT_MS = 600_000;

interface InstancesTools {
  readonly clock: Clock;
  readonly instance: string;
  readonly key: string;
  readonly seal: Seal;
  readonly time: ServerTime;
  readonly events: Events;
  readonly onUnreadable: (what: string) => void;
}

export function createInstances({ clock, instance, key, seal, time, events, onUnreadable }: InstancesTools): Instances {
  let known: readonly string[] = [instance];
  let hasBeaten = false;
  let hasLeft = false;
  /** By name: until when each has said that it would be there, by the store's clock; those silent, since when, by our own. */
  let ends: ReadonlyMap<string, number> = new Map();
  const silent = new Map<string, number>();

  const noteSilence = (living: ReadonlyMap<string, number>, nowMs: number): void => {
    for (const [name, endsMs] of ends) {
      // Who has left is gone before that, and so is everybody when the store is emptied.
      if (!living.has(name) && endsMs <= nowMs) silent.set(name, clock.monotonic());
    }
    for (const [name, sinceMs] of silent) {
      if (living.has(name) || clock.monotonic() - sinceMs > SILENT_MS) silent.delete(name);
    }
    ends = living;
  };

  const take = (living: readonly string[]): void => {
    const before = known.join();
    known = living.toSorted();
    if (known.join() !== before) events.emit("instances", { instances: known });
  };

  /** Only who knows a key of the gateway counts. */
  const isGenuine = (name: string, sealed: string): boolean => {
    if (name === instance || seal.open(["instance", name], sealed) === name) return true;
    onUnreadable("an instance");
    return false;
  };

  return {
    known: () => known,
    isAnyoneSilent: () => silent.size > 0,
    async beat(run) {
      // Else the others would wait for it as for one that has died.
      if (hasLeft) return false;
      const sealed = seal.seal(["instance", instance], instance);
      const askedMs = clock.monotonic();
      const reply = await run(call(BEAT, [key], [instance, sealed, String(LIFE_MS)]));
      const [nowMs, was, ...all] = reply as readonly [string, number, ...string[]];
      time.learn(Number(nowMs), askedMs);
      const isLost = hasBeaten && was === 0;
      hasBeaten = true;
      const living = new Map<string, number>();
      for (let index = 0; index < all.length; index += 3) {
        const [name = "", own = "", endsMs] = all.slice(index, index + 3);
        if (isGenuine(name, own)) living.set(name, Number(endsMs));
      }
      noteSilence(living, Number(nowMs));
      take([...living.keys()]);
      return isLost;
    },
    async leave(run) {
      hasLeft = true;
      await run({ name: "leave", key, args: ["HDEL", key, instance] });
    },
  };
}
