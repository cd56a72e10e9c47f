import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../lib/clock.ts";
import { seeded } from "../support/random.ts";
import { fuzz, type FuzzReport } from "./fuzzer.ts";
import { targets } from "./targets/table.ts";

/** What a worker is told. */
export interface Task {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly watched: WatchedInput;
}

/** Where a worker puts the input that it is about to try, for whoever finds out that it hangs. */
export interface WatchedInput {
  /** How many inputs there were, and the length of the last one. */
  readonly counts: Int32Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

/** Of the heap once everything that nobody needs is gone, in bytes. */
export interface HeapReport {
  /** After a tenth of the time, when everything has been compiled and cached. */
  readonly early: number;
  readonly late: number;
}

export type WorkerReport = FuzzReport & { readonly heap: HeapReport; readonly seconds: number };

async function work({ target: name, seed, seconds, watched: { counts, bytes } }: Task): Promise<WorkerReport> {
  const target = targets.find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const startedMs = systemClock.monotonic();
  const secondsSoFar = (): number => (systemClock.monotonic() - startedMs) / 1000;
  let early = 0;
  const report = await fuzz(target, {
    random: seeded(seed),
    isOver() {
      const now = secondsSoFar();
      if (early === 0 && now > seconds / 10) early = heapUsed();
      return now > seconds;
    },
    onInput(input) {
      bytes.set(input.subarray(0, bytes.length));
      counts[1] = input.length;
      Atomics.add(counts, 0, 1);
    },
  });
  return { ...report, seconds: secondsSoFar(), heap: { early, late: heapUsed() } };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

parentPort?.postMessage(await work(workerData as Task));
