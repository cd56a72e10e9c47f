import type { Cancel, Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Admission } from "./admission.ts";

export interface BusyTimesTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly admission: Pick<Admission, "inFlight">;
}

const TELL_MS = 1000;

/**
 * Tells of the requests that were turned away, once a second at most: a line for each would cost more than they do.
 *
 * @returns what stops it
 */
export function tellBusyTimes({ clock, events, admission }: BusyTimesTools): Cancel {
  let cancel: Cancel | null = null;
  let sinceMs = 0;
  let turnedAway = 0;
  let total = 0;

  const wait = (): void => {
    cancel = clock.after(TELL_MS, tell);
  };
  const tell = (): void => {
    const isOver = turnedAway === 0;
    total += turnedAway;
    const forMs = clock.monotonic() - sinceMs;
    events.emit("busy", { turnedAway: isOver ? total : turnedAway, forMs, inFlight: admission.inFlight, isOver });
    turnedAway = 0;
    cancel = null;
    if (isOver) total = 0;
    else wait();
  };
  events.on("turnedAway", ({ why }) => {
    if (why === "caller_gone") return;
    turnedAway++;
    if (cancel !== null) return;
    sinceMs = clock.monotonic();
    wait();
  });
  return () => cancel?.();
}
