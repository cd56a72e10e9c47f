import type { ChildProcess } from "node:child_process";

const running = new Set<ChildProcess>();

/** Whoever ends this process, its own end takes them along: also those that are stopped, and could not hear of it. */
const killAll = (): void => {
  for (const child of running) child.kill("SIGKILL");
};

/** Makes sure that a process does not outlive this one. @returns the same */
export function owned<Child extends ChildProcess>(child: Child): Child {
  if (running.size === 0) process.on("exit", killAll);
  running.add(child);
  child.once("exit", () => {
    running.delete(child);
    if (running.size === 0) process.off("exit", killAll);
  });
  return child;
}
