import { fork } from "node:child_process";
import { once } from "node:events";
import { owned } from "../../../spec/chaos/processes/children.ts";
import { sfuKey } from "../../../spec/support/tokens.ts";
import type { PeerSfu } from "../peer.ts";

const ENTRY = new URL("../plain-sfus.ts", import.meta.url);

export interface PlainSfus {
  readonly sfus: readonly PeerSfu[];
  readonly close: () => Promise<void>;
}

/** So many SFUs in one process, each a listener of its own, that answer at once and look at nothing. */
export async function startPlainSfus(count: number): Promise<PlainSfus> {
  const child = owned(
    fork(ENTRY, {
      env: { PATH: process.env.PATH ?? "", SFUS: String(count) },
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    }),
  );
  const gone = once(child, "exit");
  const [addresses] = (await Promise.race([
    once(child, "message"),
    gone.then(() => Promise.reject(new Error("the SFUs have ended"))),
  ])) as [readonly string[]];
  return {
    sfus: addresses.map((address) => ({ address, key: sfuKey(1) })),
    async close() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}
