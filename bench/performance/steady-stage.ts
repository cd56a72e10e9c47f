import { fork } from "node:child_process";
import { once } from "node:events";
import { owned } from "../../spec/chaos/processes/children.ts";
import { GATEWAY_KEY, sfuKey } from "../../spec/support/tokens.ts";
import type { Peer, RunningPeer } from "./peer.ts";
import { removeFolder, temporaryFolder } from "./peers/program.ts";
import { ownProcessors, pin } from "./processes.ts";
import { type TokenFile, writeTokens } from "./tokens.ts";

/** SFUs that answer at once, all peers in front of them at the same time, and the tokens. */
export interface SteadyStage {
  readonly running: ReadonlyMap<Peer, RunningPeer>;
  readonly tokens: TokenFile;
  /** Whether the peers have a processor to themselves; SFUs and callers share the others. */
  readonly isPinned: boolean;
  close(): Promise<void>;
}

const SFUS = 3;

const ENTRY = new URL("plain-sfus.ts", import.meta.url);

export async function openSteadyStage(peers: readonly Peer[], tokenCount: number): Promise<SteadyStage> {
  const processors = ownProcessors();
  const [peersOwn, others] = [processors.slice(-1), processors.slice(0, -1)];
  // What this process starts from here on runs there as well.
  const isPinned = others.length > 0 && pin([process.pid], others);
  const folder = temporaryFolder("tokens");
  const running = new Map<Peer, RunningPeer>();
  const sfus = owned(
    fork(ENTRY, {
      env: { PATH: process.env.PATH ?? "", SFUS: String(SFUS) },
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    }),
  );
  const gone = once(sfus, "exit");
  const close = async (): Promise<void> => {
    await Promise.all(Array.from(running.values(), (peer) => peer.close()));
    sfus.kill("SIGKILL");
    await gone;
    removeFolder(folder);
    if (isPinned) pin([process.pid], processors);
  };
  try {
    const [addresses] = (await Promise.race([
      once(sfus, "message"),
      gone.then(() => Promise.reject(new Error("the SFUs have ended"))),
    ])) as [readonly string[]];
    const tokens = writeTokens(folder, GATEWAY_KEY, tokenCount);
    const fleet = { gatewayKey: GATEWAY_KEY, sfus: addresses.map((address) => ({ address, key: sfuKey(1) })) };
    for (const peer of peers) {
      const started = await peer.start(fleet);
      running.set(peer, started);
      if (isPinned) pin(started.pids(), peersOwn);
    }
    return { running, tokens, isPinned, close };
  } catch (error) {
    await close();
    throw error;
  }
}
