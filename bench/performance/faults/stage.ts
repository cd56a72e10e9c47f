import type { ChildProcess } from "node:child_process";
import type { Peer } from "../peer.ts";
import { end, heard, launch } from "./child.ts";
import type { CallersNews, CallersOrder, CallResult } from "./messages.ts";
import { SFUS } from "./scenarios.ts";
import { type BenchSfu, startSfu } from "./sfus.ts";

/** A peer with SFUs and callers of its own. */
export interface Stage {
  readonly peer: Peer;
  readonly sfus: readonly BenchSfu[];
  /** Calls from now on, so many a second on average, at random moments. */
  beginCalls(perSecond: number): void;
  /** No more calls. @returns all since `beginCalls`, once the last has ended */
  endCalls(): Promise<readonly CallResult[]>;
  close(): Promise<void>;
}

const KEY = Buffer.from("a key for the bench under fault, 32 bytes and more").toString("base64");

export async function openStage(peer: Peer, number: number): Promise<Stage> {
  const sfus: BenchSfu[] = [];
  let callers: ChildProcess | null = null;
  const closeOthers = async (): Promise<void> => {
    if (callers !== null) await end(callers);
    await Promise.all(sfus.map((sfu) => sfu.close()));
  };
  try {
    for (let index = 0; index < SFUS; index++) sfus.push(await startSfu(KEY, 1 + number * SFUS + index));
    const called = (callers = launch("callers-process.ts", { GATEWAY_KEY: KEY, SEED: String(number + 1) }));
    await heard<CallersNews, "ready">(called, "ready");
    const fleet = { gatewayKey: KEY, sfus: sfus.map(({ address }) => ({ address, key: KEY })) };
    const running = await peer.start(fleet);
    const order = (told: CallersOrder): void => void called.send(told);
    return {
      peer,
      sfus,
      beginCalls: (perSecond) => order({ kind: "begin", port: running.port, perSecond }),
      async endCalls() {
        const told = heard<CallersNews, "results">(called, "results");
        order({ kind: "end" });
        return (await told).results;
      },
      async close() {
        await Promise.all([running.close(), closeOthers()]);
      },
    };
  } catch (error) {
    await closeOthers();
    throw error;
  }
}
