import type { ChildProcess } from "node:child_process";
import { systemClock } from "../../../lib/clock.ts";
import { end, heard, launch } from "./child.ts";
import type { SfuNews, SfuOrder } from "./messages.ts";
import type { Harm } from "./scenarios.ts";

/** A simulated SFU in a process of its own. */
export interface BenchSfu {
  readonly address: string;
  /** Told of each join that arrives, within a moment: when its call was due. */
  onJoin: (dueMs: number) => void;
  /** Has everything at hand for a harm: what that takes must not fall into what is measured. */
  prepare(harm: Harm): Promise<void>;
  /** Resolves when it is in force. */
  break(harm: Harm): Promise<void>;
  /** Resolves when it serves again. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export async function startSfu(key: string, seed: number): Promise<BenchSfu> {
  let port = 0;
  let child: ChildProcess | null = null;
  /** Waits for its turn to listen. */
  let spare: ChildProcess | null = null;
  let inForce: Harm | null = null;
  let stopFlapping: () => Promise<void> = () => Promise.resolve();

  const hear = (news: SfuNews): void => {
    if (news.kind === "joins") for (const dueMs of news.dueMs) sfu.onJoin(dueMs);
  };
  const standBy = async (): Promise<void> => {
    if (spare !== null) return;
    spare = launch("sfu-process.ts", { SFU_KEY: key, SEED: String(seed) }).on("message", hear);
    await heard<SfuNews, "ready">(spare, "ready");
  };
  const tell = async (order: SfuOrder): Promise<void> => {
    if (child === null) throw new Error("there is no such SFU");
    const done = heard<SfuNews, "done">(child, "done");
    child.send(order);
    ({ port } = await done);
  };
  const takeOver = async (): Promise<void> => {
    await standBy();
    [child, spare] = [spare, null];
    await tell({ kind: "listen", port });
  };

  const flap = (everyMs: number): (() => Promise<void>) => {
    let isDown = true;
    let last = Promise.resolve();
    const stop = systemClock.every(everyMs, () => {
      isDown = !isDown;
      last = tell(isDown ? CLOSE : { kind: "heal" });
      last.catch(stop);
    });
    return () => {
      stop();
      return last;
    };
  };

  const sfu: BenchSfu = {
    get address() {
      return `http://127.0.0.1:${String(port)}`;
    },
    onJoin: () => undefined,
    prepare: async ({ kind }) => (kind === "kill" ? standBy() : undefined),
    async break(harm) {
      inForce = harm;
      switch (harm.kind) {
        case "kill":
          if (child !== null) await end(child);
          break;
        case "pause":
          child?.kill("SIGSTOP");
          break;
        case "flap":
          await tell(CLOSE);
          stopFlapping = flap(harm.everyMs);
          break;
        case "misbehave":
          await tell({ kind: "break", fault: harm.fault });
      }
    },
    async heal() {
      await stopFlapping();
      child?.kill("SIGCONT");
      if (inForce?.kind === "kill") await takeOver();
      else await tell({ kind: "heal" });
      inForce = null;
    },
    async close() {
      await stopFlapping().catch(() => undefined);
      await Promise.all([child, spare].map(async (each) => (each === null ? undefined : end(each))));
    },
  };
  try {
    await takeOver();
  } catch (error) {
    await sfu.close();
    throw error;
  }
  return sfu;
}

const CLOSE: SfuOrder = { kind: "break", fault: { kind: "refuse" } };
