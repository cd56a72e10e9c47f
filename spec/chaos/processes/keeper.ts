import { readFileSync } from "node:fs";

/*
 * Outlives whoever has started it for a moment: should that be killed, the processes that it had go with it, also those
 * that are stopped and could not hear of it. Told of each by its id, and again when it has ended.
 */
const pids = new Set<number>();

/** A process and those that it has started, as a server has its workers: nobody else would end them. Linux tells of these. */
function withItsOwn(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8")
      .split(" ")
      .filter(Boolean);
    return [pid, ...children.flatMap((child) => withItsOwn(Number(child)))];
  } catch {
    return [pid];
  }
}

process.on("message", ({ pid, isThere }: { readonly pid: number; readonly isThere: boolean }) => {
  if (isThere) pids.add(pid);
  else pids.delete(pid);
});
// From a terminal it comes to everybody, and whoever has started this one ends in his own way.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => {
  // Whoever would start a worker again goes first.
  for (const pid of [...pids].flatMap(withItsOwn)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
});
