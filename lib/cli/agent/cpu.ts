import type { Clock } from "../../clock.ts";
import { type CpuAllowance, readCpuAllowance } from "./cgroup.ts";
import type { CpuTimes, System } from "./system.ts";

/** What the processors have done up to some moment. Two of one source make a share. */
export type CpuReading =
  /** Under a container's limit, so its whole is that limit and not the host. */
  | ({ readonly source: "cgroup"; readonly atMs: number } & CpuAllowance)
  /** All processors of the host. */
  | { readonly source: "/proc/stat" | "the operating system"; readonly busy: number; readonly total: number };

/**
 * 1. the limit of the container, where there is one that the host has the processors for;
 * 2. the host, by /proc/stat;
 * 3. the host, as the runtime knows it.
 *
 * @returns null where none of them can be read
 */
export function readCpu(system: System, clock: Clock): CpuReading | null {
  const stat = system.read("/proc/stat");
  const allowance = readCpuAllowance((path) => system.read(path));
  if (allowance !== null && allowance.cores <= coresOf(stat)) {
    return { source: "cgroup", atMs: clock.monotonic(), ...allowance };
  }
  return ofProcStat(stat) ?? ofRuntime(system.cpus());
}

/** @returns 0 to 1; null where nothing lies between the two, or they are not of one kind */
export function cpuShare(from: CpuReading, to: CpuReading): number | null {
  if (from.source === "cgroup" || to.source === "cgroup") {
    if (from.source !== "cgroup" || to.source !== "cgroup") return null;
    const usedMs = (to.usedMicros - from.usedMicros) / 1000;
    // A counter that has gone back is another cgroup's.
    return usedMs < 0 ? null : shareOf(usedMs, (to.atMs - from.atMs) * to.cores);
  }
  return from.source === to.source ? shareOf(to.busy - from.busy, to.total - from.total) : null;
}

function shareOf(part: number, whole: number): number | null {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null;
}

/** So many that no limit is less where the host does not tell. */
function coresOf(stat: string | null): number {
  const cores = stat?.match(/^cpu\d+ /gm)?.length ?? 0;
  return cores === 0 ? Infinity : cores;
}

/** `cpu user nice system idle iowait irq softirq steal guest guest_nice`; the guests are in user and nice already. */
function ofProcStat(stat: string | null): CpuReading | null {
  const line = /^cpu +(\d+(?: \d+)*)/m.exec(stat ?? "")?.[1];
  if (line === undefined) return null;
  const times = line.split(" ").slice(0, 8).map(Number);
  const total = times.reduce((sum, time) => sum + time, 0);
  const [, , , idle = 0, iowait = 0] = times;
  return { source: "/proc/stat", busy: total - idle - iowait, total };
}

function ofRuntime(cpus: readonly { readonly times: CpuTimes }[]): CpuReading | null {
  if (cpus.length === 0) return null;
  const sum = (part: (times: CpuTimes) => number): number => cpus.reduce((all, { times }) => all + part(times), 0);
  const busy = sum(({ user, nice, sys, irq }) => user + nice + sys + irq);
  return { source: "the operating system", busy, total: busy + sum(({ idle }) => idle) };
}
