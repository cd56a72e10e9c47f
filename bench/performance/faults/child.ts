import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { sleep, systemClock } from "../../../lib/clock.ts";
import { owned } from "../../../spec/chaos/processes/children.ts";

/** Nothing that is ordered takes so long, on however busy a machine, in milliseconds. */
const PATIENCE_MS = 30_000;

/** A process of this folder, which does not outlive this one. */
export function launch(file: string, env: Readonly<Record<string, string>>): ChildProcess {
  const entry = new URL(file, import.meta.url);
  return owned(
    fork(entry, {
      env: { ...process.env, ...env },
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    }),
  );
}

/**
 * The next message of this kind. To be asked for before whatever brings it.
 *
 * @throws where it does not come in time, or the process ends first
 */
export async function heard<News extends { readonly kind: string }, Kind extends News["kind"]>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<News, { readonly kind: Kind }>> {
  const over = new AbortController();
  const { signal } = over;
  const comes = new Promise<Extract<News, { readonly kind: Kind }>>((resolve) => {
    const look = (news: News): void => {
      if (news.kind === kind) resolve(news as Extract<News, { readonly kind: Kind }>);
    };
    child.on("message", look);
    signal.addEventListener("abort", () => child.off("message", look), { once: true });
  });
  const fails = async (why: string, when: Promise<unknown>): Promise<never> => {
    await when;
    throw new Error(`a process of the bench ${why} before it said '${kind}'`);
  };
  const late = fails("had no time", sleep(systemClock, PATIENCE_MS, signal));
  const ended = fails("ended", once(child, "exit", { signal }));
  try {
    return await Promise.race([comes, late, ended]);
  } finally {
    over.abort(new Error("heard"));
    await Promise.allSettled([late, ended]);
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
