import { sleep, systemClock } from "../../lib/clock.ts";

/**
 * Waits for what a socket is about to bring; mocha's timeout bounds it.
 *
 * @param pass lets a moment pass: under a fake clock its `elapse`, with 0
 */
export async function until(
  condition: () => boolean,
  pass: () => Promise<void> = () => sleep(systemClock, 1),
): Promise<void> {
  while (!condition()) await pass();
}
