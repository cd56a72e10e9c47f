import { systemClock } from "../../../lib/clock.ts";

const ORIGIN_MS = systemClock.now() - systemClock.monotonic();

/** Milliseconds since the Unix epoch, to the millisecond the same in all processes of the machine, and never going back. */
export function moment(): number {
  return ORIGIN_MS + systemClock.monotonic();
}
