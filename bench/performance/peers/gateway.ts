import { portForGood } from "../../../spec/chaos/processes/port.ts";
import { VERSION } from "../../../lib/version.ts";
import type { Peer, PeerFleet } from "../peer.ts";
import { ask } from "../../../spec/support/request.ts";
import { type Program, startProgram } from "./program.ts";

const LAUNCHER = new URL("../../../bin/sfu-gateway", import.meta.url).pathname;

/** So many looks over connections of their own have seen every process that shares the port. */
const LOOKS = 30;

/** This gateway as a user starts it: its two files, production, the log to whoever reads it. All defaults but one. */
export const gateway: Peer = {
  name: "SFU Gateway",
  survivesFaults: true,
  version: () => `${VERSION} on Node.js ${process.versions.node}`,
  async start(fleet) {
    const port = await portForGood();
    const { processes = 1 } = fleet;
    const programs = Array.from({ length: processes }, () => launch(port, fleet));
    const close = async (): Promise<void> => {
      await Promise.all(programs.map((program) => program.close()));
    };
    try {
      await programs[0]?.until("serves", () => isHealthy(port));
      for (const program of programs) await program.until("finds its SFUs healthy", () => isHealthyAgainAndAgain(port));
    } catch (error) {
      await close();
      throw error;
    }
    return { port, pids: () => programs.map(({ pid }) => pid), close };
  },
};

function launch(port: number, { gatewayKey, sfus, processes = 1 }: PeerFleet): Program {
  return startProgram("gateway", {
    command: LAUNCHER,
    env: {
      NODE_ENV: "production",
      SFU_GATEWAY_KEY: gatewayKey,
      SFU_GATEWAY_PORT: String(port),
      SFU_GATEWAY_BIND: "127.0.0.1",
      ...(processes > 1 ? { SFU_GATEWAY_REUSE_PORT: "true" } : {}),
    },
    files: {
      "secrets.toml": sfus.map(({ address, key }) => `[[sfu]]\naddress = "${address}"\nkey = "${key}"\n`).join("\n"),
      // Nobody leaves here: with a thousand a fleet would be full soon.
      "gateway.toml": "[balancing]\nmax_sessions = 1000000\n",
    },
    args: () => ["serve", "--secrets", "secrets.toml", "--config", "gateway.toml"],
  });
}

async function isHealthyAgainAndAgain(port: number): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) if (!(await isHealthy(port))) return false;
  return true;
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const { body } = await ask(`http://127.0.0.1:${String(port)}/v1/health`);
    const { sfus } = JSON.parse(body) as { readonly sfus: readonly { readonly state: string }[] };
    return sfus.every(({ state }) => state === "healthy");
  } catch {
    // It does not listen yet.
    return false;
  }
}
