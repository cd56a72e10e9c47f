/*
 * Outlives whoever has started it for a moment: should that be killed, the processes that it had go with it, also those
 * that are stopped and could not hear of it. Told of each by its id, and again when it has ended.
 */
const pids = new Set<number>();

process.on("message", ({ pid, isThere }: { readonly pid: number; readonly isThere: boolean }) => {
  if (isThere) pids.add(pid);
  else pids.delete(pid);
});
// From a terminal it comes to everybody, and whoever has started this one ends in his own way.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
});
