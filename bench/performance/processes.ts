import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/*
 * What Linux tells of processes. Elsewhere there is no /proc, and nothing to be measured.
 */

/** As `getconf CLK_TCK` has it on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Those that a process has started and that are there still, their own not among them. */
export function childrenOf(pid: number): readonly number[] {
  return numbersIn(readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8"));
}

/** The processor time that these have used so far, all threads together, in seconds; to a hundredth. */
export function processorSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    // Behind the name, which may hold anything: utime and stime are the 14th and 15th of all fields.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return sum(ticks) / TICKS_PER_SECOND;
}

/** What these keep in memory, in MB (2^20 bytes); what they share counts for each. */
export function residentMb(pids: readonly number[]): number {
  const kb = pids.map((pid) =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"))?.[1]),
  );
  return sum(kb) / 1024;
}

/** The processors that this process may use, in order. */
export function ownProcessors(): readonly number[] {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Lets processes run on these processors only, all their threads. @returns whether the machine can do that */
export function pin(pids: readonly number[], processors: readonly number[]): boolean {
  const list = processors.join(",");
  return pids.every((pid) => spawnSync("taskset", ["-a", "-p", "-c", list, String(pid)]).status === 0);
}

function numbersIn(text: string): readonly number[] {
  return text.split(/\s+/).filter(Boolean).map(Number);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
