import { type Clock, sleep } from "../../clock.ts";
import { type CpuReading, cpuShare, readCpu } from "./cpu.ts";
import { type MemoryReading, readMemory } from "./memory.ts";
import type { System } from "./system.ts";

/** How busy the host is, or the container where that has limits of its own. Shares from 0 to 1; null for unknown. */
export interface HostFigures {
  readonly cpu: number | null;
  readonly memory: number | null;
}

/** Where the figures come from; null for one that cannot be had. */
export interface HostSources {
  readonly cpu: CpuReading["source"] | null;
  readonly memory: MemoryReading["source"] | null;
}

export interface HostMeter {
  /** As of the last reading. */
  sources(): HostSources;
  /**
   * The use of the processors since the last time, and of the memory now. Takes 200 ms more where the last time is not
   * that long ago.
   *
   * @throws the reason of `signal` as soon as that is aborted
   */
  measure(signal?: AbortSignal): Promise<HostFigures>;
}

/** The counters of the kernel go by hundredths of a second: over less than this they say little. */
export const SHORTEST_WINDOW_MS = 200;

/** Takes a first reading at once, so that the first figure has something to start from. */
export function createHostMeter(system: System, clock: Clock): HostMeter {
  let cpu = readCpu(system, clock);
  let cpuAtMs = clock.monotonic();
  let memory = readMemory(system);

  const readCpuAgain = async (signal?: AbortSignal): Promise<number | null> => {
    const from = cpu;
    const waitMs = SHORTEST_WINDOW_MS - (clock.monotonic() - cpuAtMs);
    if (from !== null && waitMs > 0) await sleep(clock, waitMs, signal);
    cpu = readCpu(system, clock);
    cpuAtMs = clock.monotonic();
    return from === null || cpu === null ? null : cpuShare(from, cpu);
  };

  return {
    sources: () => ({ cpu: cpu?.source ?? null, memory: memory?.source ?? null }),
    async measure(signal) {
      // The second time where a limit has come or gone in between: two readings of one kind are needed.
      const share = (await readCpuAgain(signal)) ?? (cpu === null ? null : await readCpuAgain(signal));
      memory = readMemory(system);
      return { cpu: share, memory: memory?.share ?? null };
    },
  };
}
