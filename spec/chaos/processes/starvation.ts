import { readFileSync } from "node:fs";
import type { Cancel, Clock } from "../../../lib/clock.ts";
import type { Window } from "./fitness.ts";

const LOOK_MS = 200;

/** Who has waited for a processor for more than this share of the time cannot be held to milliseconds. */
const TOO_LONG = 0.3;

/**
 * When the machine kept one of the processes from running that had something to do: on a machine with more to do than it can
 * nobody answers in time, which is nobody's fault here. Linux says how long each thread was ready to run and did not;
 * elsewhere nothing is known, and nothing excused.
 */
export interface Starvation {
  readonly windows: readonly Window[];
  readonly stop: Cancel;
}

/** @param pids of those that are there at this moment; 0 for one that is not */
export function watchStarvation(clock: Clock, pids: () => readonly number[]): Starvation {
  const windows: Window[] = [];
  let waitedMs = new Map<number, number>();
  let seenMs = clock.monotonic();
  const stop = clock.every(LOOK_MS, () => {
    const [fromMs, toMs] = [seenMs, clock.monotonic()];
    const before = waitedMs;
    waitedMs = new Map(pids().map((pid) => [pid, waitOf(pid)]));
    seenMs = toMs;
    const longestMs = Math.max(...[...waitedMs].map(([pid, ms]) => ms - (before.get(pid) ?? ms)));
    if (longestMs <= TOO_LONG * (toMs - fromMs)) return;
    const last = windows.at(-1);
    if (last?.toMs === fromMs) windows.splice(-1, 1, { ...last, toMs });
    else windows.push({ fromMs, toMs, why: "no processor" });
  });
  return { windows, stop };
}

/** How long its main thread has waited for a processor so far, in milliseconds; 0 where that is not known. */
function waitOf(pid: number): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${String(pid)}/schedstat`, "utf8").split(" ");
    return Number(waitedNs) / 1e6;
  } catch {
    return 0;
  }
}
