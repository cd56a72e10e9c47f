import { fork } from "node:child_process";
import { once } from "node:events";
import { owned } from "../../../spec/chaos/processes/children.ts";
import type { Peer } from "../peer.ts";

const ENTRY = new URL("floor-process.ts", import.meta.url);

/** A bare `node:http` proxy with the same two HMACs: what Node.js itself costs. */
export const floor: Peer = {
  name: "bare node:http",
  survivesFaults: false,
  version: () => `Node.js ${process.versions.node}`,
  async start({ gatewayKey, sfus }) {
    const child = owned(
      fork(ENTRY, {
        env: {
          PATH: process.env.PATH ?? "",
          NODE_ENV: "production",
          GATEWAY_KEY: gatewayKey,
          SFU_KEY: sfus[0]?.key ?? "",
          SFUS: JSON.stringify(sfus.map(({ address }) => address)),
        },
        execArgv: ["--disable-warning=ExperimentalWarning"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      }),
    );
    const gone = once(child, "exit");
    const [port] = (await Promise.race([
      once(child, "message"),
      gone.then(() => Promise.reject(new Error("the bare proxy has ended"))),
    ])) as [number];
    return {
      port,
      pids: () => [child.pid ?? 0],
      async close() {
        child.kill("SIGKILL");
        await gone;
      },
    };
  },
};
