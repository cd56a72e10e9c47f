import { readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";

/** What one processor has done since the host started, in milliseconds, by mode. */
export interface CpuTimes {
  readonly user: number;
  readonly nice: number;
  readonly sys: number;
  readonly idle: number;
  readonly irq: number;
}

/** What the agent reads of the machine that it runs on. */
export interface System {
  /** The text of a file of /proc or /sys, or null where it cannot be read. */
  read(path: string): string | null;
  /** Empty where the system does not tell. */
  cpus(): readonly { readonly times: CpuTimes }[];
  /** Bytes. */
  totalMemory(): number;
  /** Bytes that programs can get; null where the system's word for it means something else. */
  freeMemory(): number | null;
}

export const hostSystem: System = {
  read(path) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return null;
    }
  },
  cpus,
  totalMemory: totalmem,
  // On Linux without /proc/meminfo this leaves the page cache out, and every busy disk would look like a full memory.
  freeMemory: () => (process.platform === "linux" ? null : freemem()),
};
