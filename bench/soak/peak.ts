import { systemClock } from "../../lib/clock.ts";
import { ask } from "../../spec/chaos/processes/calls.ts";
import { claimsOf, token } from "../../spec/support/tokens.ts";

const SECONDS = 8;
const CALLERS = 40;

/** How many calls a second a gateway serves to callers who ask again as soon as they are answered. */
export async function peakOf(port: number): Promise<number> {
  const untilMs = systemClock.monotonic() + SECONDS * 1000;
  let count = 0;
  const caller = async (): Promise<void> => {
    while (systemClock.monotonic() < untilMs) {
      const id = `peak-${String(++count)}`;
      await ask(port, id, token({ claims: claimsOf(id) }));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return count / SECONDS;
}
