import { turnsOfTheLoop } from "../../clock.ts";
import type { Assignments } from "../store.ts";
import { createEnter, type EnterTools } from "./enter.ts";
import { idOf } from "./keys.ts";
import type { Identified, Mirrored } from "./mirror.ts";
import { call, RESTORE } from "./scripts.ts";
import type { Run } from "./session.ts";
import { createTurns, type Ended, type TurnsTools } from "./turn.ts";

/** Assignments with what only their own store needs of them. */
export interface SharedAssignments extends Assignments {
  /** Takes in how another gateway's turn has ended. */
  hear(ended: Ended, ageMs: number): void;
  /** Writes what this gateway assigned, where the store lost it or never had it. */
  restore(run: Run, which: (mirrored: Mirrored) => boolean): Promise<void>;
}

/** So many commands at once take some milliseconds, and a call waits for no more. */
const RESTORED_AT_ONCE = 100;

export function createAssignments(tools: Omit<EnterTools, "turns"> & TurnsTools): SharedAssignments {
  const { clock, keys, link, mirror, waiters } = tools;

  const restoreOne = async (run: Run, [id, mirrored]: Identified): Promise<void> => {
    // Whatever has become of it here meanwhile is on its way there.
    const isOutdated = (): boolean => mirror.get(id) !== mirrored;
    const leftMs = Math.ceil(mirrored.untilMs - clock.monotonic());
    if (leftMs <= 0 || isOutdated()) return;
    const args = [mirrored.address, String(leftMs), mirrored.isPending ? (mirrored.before ?? "") : ""];
    const home = (await run(call(RESTORE, [keys.home(id)], args))) as string;
    if (isOutdated()) return;
    mirror.set(id, { ...mirrored, address: home, isOwn: home === mirrored.address, isPending: false });
  };

  return {
    enter: createEnter({ ...tools, turns: createTurns(tools) }),

    async find(conference) {
      const id = idOf(conference);
      const key = keys.home(id);
      try {
        return (await link.run({ name: "find", key, args: ["GET", key] })) as string | null;
      } catch {
        return mirror.get(id)?.address ?? null;
      }
    },

    size: () => mirror.size(),

    hear({ id, placed }, ageMs) {
      if (placed !== null && placed.ttlMs > ageMs) {
        const untilMs = clock.monotonic() + placed.ttlMs - ageMs;
        mirror.set(id, { address: placed.address, untilMs, isOwn: false, isPending: false, before: null });
      }
      const { address = "", channel = null } = placed ?? {};
      waiters.wake(id, channel === null ? null : { kind: "placed", address, channel }, ageMs);
    },

    async restore(run, which) {
      for await (const some of mirror.own(which, RESTORED_AT_ONCE)) {
        await Promise.all(some.map((each) => restoreOne(run, each)));
        await turnsOfTheLoop(1);
      }
    },
  };
}
