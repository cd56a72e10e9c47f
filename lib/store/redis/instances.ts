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
  /** The others need not wait for its end to be noticed. */
  leave(run: Run): Promise<void>;
}

export const BEAT_INTERVAL_MS = 1000;

/** Who has not been heard of for so long is gone, in milliseconds. */
const LIFE_MS = 3000;

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
    async beat(run) {
      const sealed = seal.seal(["instance", instance], instance);
      const askedMs = clock.monotonic();
      const reply = await run(call(BEAT, [key], [instance, sealed, String(LIFE_MS)]));
      const [nowMs, was, ...living] = reply as readonly [string, number, ...string[]];
      time.learn(Number(nowMs), askedMs);
      const isLost = hasBeaten && was === 0;
      hasBeaten = true;
      take(living.filter((name, index) => index % 2 === 0 && isGenuine(name, living[index + 1] ?? "")));
      return isLost;
    },
    async leave(run) {
      await run({ name: "leave", key, args: ["HDEL", key, instance] });
    },
  };
}
