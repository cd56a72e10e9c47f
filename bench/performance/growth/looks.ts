import { sleep, systemClock } from "../../../lib/clock.ts";
import { ask } from "../../../spec/support/request.ts";
import { spreadOf } from "../statistics.ts";

export interface Look {
  /** From the request to the last byte of the answer, in milliseconds: the median, and the longest of all. */
  readonly medianMs: number;
  readonly mostMs: number;
  readonly kilobytes: number;
}

/** What was dear is kept for nine times as long as it took (lib/share-cost.ts): so each look is made anew. */
const PAUSE = 12;
const LEAST_PAUSE_MS = 300;

/** Asks for something as often as that, each time over a connection of its own. */
export async function timeLooks(port: number, path: string, times: number): Promise<Look> {
  const tookMs: number[] = [];
  let bytes = 0;
  for (let look = 0; look < times; look++) {
    // One that was served from what is kept is quick, and so is no measure of how long to wait.
    await sleep(systemClock, Math.max(LEAST_PAUSE_MS, PAUSE * Math.max(0, ...tookMs)));
    const startedMs = systemClock.monotonic();
    const { body } = await ask(`http://127.0.0.1:${String(port)}${path}`);
    tookMs.push(systemClock.monotonic() - startedMs);
    bytes = body.length;
  }
  const spread = spreadOf(tookMs);
  return { medianMs: spread?.median ?? NaN, mostMs: spread?.most ?? NaN, kilobytes: bytes / 1024 };
}
