import { readFileSync } from "node:fs";

/** A caller's connection, and the one to the SFU that is asked for him. */
const FILES_A_CALLER = 2;

/**
 * How many callers the process has files for. Beyond, it could ask no SFU any more, and would take them all for sick. Node
 * has raised the limit as far as it may (`ulimit -Hn`) when it started.
 *
 * @returns Infinity where the system does not tell
 */
export function callersThatFit(limits = read("/proc/self/limits")): number {
  const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  return files === undefined ? Infinity : Math.floor(Number(files) / FILES_A_CALLER);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
