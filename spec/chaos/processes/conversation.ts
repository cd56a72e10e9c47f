import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { sleep, systemClock } from "../../../lib/clock.ts";
import type { News, Order } from "./messages.ts";

/** Nothing that is ordered takes so long, on however busy a machine, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Gives an SFU process an order; resolves when it has done that. */
export async function tell(child: ChildProcess, order: Order): Promise<void> {
  const done = heard(child, "done");
  child.send(order);
  await done;
}

/** @throws where it does not come, or the process ends first */
export async function heard(child: ChildProcess, kind: News["kind"]): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const comes = new Promise<void>((resolve) => {
    const look = (news: News): void => {
      if (news.kind === kind) resolve();
    };
    child.on("message", look);
    signal.addEventListener("abort", () => child.off("message", look), { once: true });
  });
  const fails = async (why: string, when: Promise<unknown>): Promise<never> => {
    await when;
    throw new Error(`an SFU process ${why} before it said '${kind}'`);
  };
  const late = fails("had no time", sleep(systemClock, PATIENCE_MS, signal));
  const ended = fails("ended", once(child, "exit", { signal }));
  try {
    await Promise.race([comes, late, ended]);
  } finally {
    over.abort(new Error("heard"));
    await Promise.allSettled([late, ended]);
  }
}
