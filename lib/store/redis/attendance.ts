import { type Clock, inTime } from "../../clock.ts";
import type { SharedAssignments } from "./assignments.ts";
import type { SharedBoard } from "./board.ts";
import { BEAT_INTERVAL_MS, type Instances } from "./instances.ts";
import type { Journal } from "./journal.ts";
import type { LinkUser } from "./link.ts";
import type { Session } from "./session.ts";

interface AttendanceTools {
  readonly clock: Clock;
  readonly instances: Instances;
  readonly journal: Journal;
  readonly board: SharedBoard;
  readonly assignments: SharedAssignments;
}

/** The others go by what is there when this gateway says that it is back, so it waits a little for its own to be there. */
const SYNCHRONISE_MS = 1000;

/** How often is looked for what the journal has lost, or what could not be written in passing, in beats. */
const BEATS_PER_LOOK = 10;

/**
 * What a gateway does for as long as it is connected: it says that it is there, hears the others, and sees to it that all
 * have what it knows.
 */
export function createAttendance(tools: AttendanceTools): Pick<LinkUser, "prepare" | "onUp"> {
  const { clock, instances, journal, board, assignments } = tools;

  /** Tells the others what they miss, and hears what is missing here. */
  const synchronise = async ({ run }: Session): Promise<void> => {
    await board.synchronise(run);
    await assignments.restore(run, () => true);
  };

  const look = async ({ run }: Session): Promise<void> => {
    await board.synchronise(run);
    await assignments.restore(run, ({ isPending }) => isPending);
  };

  /** What came up while the rest was written. */
  const catchUp = async ({ run }: Session): Promise<void> => {
    await board.catchUp(run);
    await assignments.restore(run, ({ isPending }) => isPending);
  };

  /** @returns what is to be done every second */
  const createBeat = (session: Session): (() => Promise<void>) => {
    let beats = 0;
    let isBusy = false;
    let isLossOpen = false;
    return async () => {
      const isLost = await instances.beat(session.run);
      if (isLost) journal.checkPosition();
      isLossOpen ||= isLost;
      beats++;
      if (isBusy || (!isLossOpen && beats % BEATS_PER_LOOK !== 0)) return;
      isBusy = true;
      const mend = isLossOpen ? synchronise : look;
      // What is lost from here on may be what has been written again by then.
      isLossOpen = false;
      await session.check();
      await mend(session);
      isBusy = false;
    };
  };

  return {
    async prepare(session) {
      await instances.beat(session.run);
      journal.follow(session);
      const work = synchronise(session).catch((error: unknown) => session.fail(error));
      await inTime({ clock, timeoutMs: SYNCHRONISE_MS }, work);
    },
    onUp(session) {
      const beat = createBeat(session);
      const stop = clock.every(BEAT_INTERVAL_MS, () => void beat().catch((error: unknown) => session.fail(error)));
      session.signal.addEventListener("abort", stop, { once: true });
      catchUp(session).catch((error: unknown) => session.fail(error));
    },
  };
}
