import { type ChildProcess, fork } from "node:child_process";

const KEEPER = new URL("keeper.ts", import.meta.url);

const running = new Set<ChildProcess>();
let keeper: ChildProcess | null = null;

/** Makes sure that a process does not outlive this one, whatever ends it. @returns the same */
export function owned<Child extends ChildProcess>(child: Child): Child {
  const { pid } = child;
  if (pid === undefined) return child;
  const watching = (keeper ??= fork(KEEPER, {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  }));
  running.add(child);
  watching.send({ pid, isThere: true });
  child.once("exit", () => {
    running.delete(child);
    if (watching.connected) watching.send({ pid, isThere: false });
    if (running.size > 0) return;
    keeper = null;
    if (watching.connected) watching.disconnect();
  });
  return child;
}
