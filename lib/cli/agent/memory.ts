import { field, readMemoryAllowance } from "./cgroup.ts";
import type { System } from "./system.ts";

export interface MemoryReading {
  readonly source: "cgroup" | "/proc/meminfo" | "the operating system";
  /** What is in use, from 0 to 1. */
  readonly share: number;
}

/**
 * 1. the limit of the container, where there is one that the host's memory can fill;
 * 2. the host, by /proc/meminfo;
 * 3. the host, as the runtime knows it.
 *
 * @returns null where none of them can be read
 */
export function readMemory(system: System): MemoryReading | null {
  const total = system.totalMemory();
  const allowance = readMemoryAllowance((path) => system.read(path));
  if (allowance !== null && allowance.limit <= total) {
    return { source: "cgroup", share: clamp(allowance.used / allowance.limit) };
  }

  const meminfo = system.read("/proc/meminfo");
  const [available, all] = [field(meminfo, "MemAvailable"), field(meminfo, "MemTotal")];
  if (available !== null && all !== null && all > 0) {
    return { source: "/proc/meminfo", share: clamp(1 - available / all) };
  }

  const free = system.freeMemory();
  return free === null || total <= 0 ? null : { source: "the operating system", share: clamp(1 - free / total) };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
