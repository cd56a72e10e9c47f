import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { systemClock } from "../../../lib/clock.ts";
import { sfuKey } from "../../support/tokens.ts";
import { owned } from "./children.ts";
import { heard, tell } from "./conversation.ts";
import { isFitWith, nameOf, type ProcessFault } from "./faults.ts";
import { createFitness, type Fitness } from "./fitness.ts";
import { fillQueue } from "./full-queue.ts";
import type { News, SfuSetup } from "./messages.ts";

/** A channel that an SFU says it has made. */
export interface MadeChannel {
  readonly sfu: ChaosSfu;
  readonly iss: string;
  /** The process that made it: with that it goes. */
  readonly life: Life;
}

/** From the start of a process to its end. */
export interface Life {
  readonly fromMs: number;
  toMs: number;
}

/** A simulated SFU in a process of its own, which can be killed and started again on its port. */
export interface ChaosSfu {
  readonly address: string;
  readonly key: string;
  /** Of the process that is there now. */
  readonly pid: number;
  readonly fitness: Fitness;
  /** Resolves when the fault is in force. */
  break(fault: ProcessFault): Promise<void>;
  /** Resolves when it serves again. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

const ENTRY = new URL("sfu-process.ts", import.meta.url);

/** @param made filled with what it makes, by uuid */
export async function startSfu(number: number, made: Map<string, MadeChannel>): Promise<ChaosSfu> {
  const key = sfuKey(number);
  const fitness = createFitness();
  let port = 0;
  let child: ChildProcess;
  let life: Life;
  let fault: ProcessFault | null = null;
  /** They keep its queue full. */
  let fillers: Socket[] = [];

  const start = async (): Promise<void> => {
    const setup: SfuSetup = { port, key, seed: number };
    const started = owned(
      fork(ENTRY, [JSON.stringify(setup)], {
        execArgv: ["--disable-warning=ExperimentalWarning"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      }),
    );
    child = started;
    const ownLife = (life = { fromMs: systemClock.monotonic(), toMs: Infinity });
    started.on("message", (news: News) => {
      if (news.kind === "channel") made.set(news.uuid, { sfu, iss: news.iss, life: ownLife });
      if (news.kind === "listening") port = news.port;
    });
    await heard(started, "listening");
  };

  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    life.toMs = systemClock.monotonic();
  };

  const begin = async (begun: ProcessFault): Promise<void> => {
    switch (begun.kind) {
      case "kill":
        await end();
        break;
      case "pause":
        child.kill("SIGSTOP");
        break;
      case "unreachable":
        await tell(child, { kind: "narrow" });
        child.kill("SIGSTOP");
        fillers = await fillQueue(port);
        break;
      case "misbehave":
        await tell(child, { kind: "break", fault: begun.fault });
    }
  };

  const sfu: ChaosSfu = {
    get address() {
      return `http://127.0.0.1:${String(port)}`;
    },
    key,
    get pid() {
      return child.pid ?? 0;
    },
    fitness,
    async break(begun) {
      await sfu.heal();
      if (!isFitWith(begun)) fitness.begin(nameOf(begun), systemClock.monotonic());
      fault = begun;
      await begin(begun);
    },
    async heal() {
      if (fault === null) return;
      for (const filler of fillers) filler.destroy();
      if (fault.kind === "kill") await start();
      else {
        child.kill("SIGCONT");
        await tell(child, { kind: "heal" });
      }
      fault = null;
      fitness.end(systemClock.monotonic());
    },
    async close() {
      for (const filler of fillers) filler.destroy();
      await end();
    },
  };
  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  return sfu;
}
