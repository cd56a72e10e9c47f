import { systemClock } from "../../../lib/clock.ts";
import { portForGood } from "../../../spec/chaos/processes/port.ts";
import { ask } from "../../../spec/support/request.ts";
import { GATEWAY_KEY } from "../../../spec/support/tokens.ts";
import type { PeerSfu, RunningPeer } from "../peer.ts";
import { answers, startProgram } from "../peers/program.ts";

const LAUNCHER = new URL("../../../bin/sfu-gateway", import.meta.url).pathname;

const REGIONS = ["eu-west-3", "us-east-1", "ap-southeast-1"];

/** Between two looks whether all are healthy: each takes a while with a large fleet. */
const LOOK_EVERY_MS = 200;

/** Nobody leaves here, and no assignment is to be forgotten before it is counted. */
const CONFIG = "[balancing]\nmax_sessions = 1000000\n\n[affinity]\nttl_ms = 600000\n";

export interface StartedGateway extends RunningPeer {
  /** From its start until it answers requests, in milliseconds. */
  readonly servesMs: number;
  /** From its start until it has found all SFUs healthy, in milliseconds. */
  readonly healthyMs: number;
}

/** A gateway as a user starts it, with the moments that a large fleet puts off. */
export async function startGateway(sfus: readonly PeerSfu[]): Promise<StartedGateway> {
  const port = await portForGood();
  const startedMs = systemClock.monotonic();
  const program = startProgram("growing gateway", {
    command: LAUNCHER,
    env: {
      NODE_ENV: "production",
      SFU_GATEWAY_KEY: GATEWAY_KEY,
      SFU_GATEWAY_PORT: String(port),
      SFU_GATEWAY_BIND: "127.0.0.1",
    },
    files: { "secrets.toml": sfus.map(tableOf).join("\n"), "gateway.toml": CONFIG },
    args: () => ["serve", "--secrets", "secrets.toml", "--config", "gateway.toml"],
  });
  const sinceStart = (): number => systemClock.monotonic() - startedMs;
  try {
    await program.until("serves", () => answers(port, "/healthz"));
    const servesMs = sinceStart();
    let lookedMs = -Infinity;
    await program.until("finds its SFUs healthy", async () => {
      if (systemClock.monotonic() - lookedMs < LOOK_EVERY_MS) return false;
      lookedMs = systemClock.monotonic();
      return allHealthy(port);
    });
    const healthyMs = sinceStart();
    return { port, servesMs, healthyMs, pids: () => [program.pid], close: () => program.close() };
  } catch (error) {
    await program.close();
    throw error;
  }
}

function tableOf({ address, key }: PeerSfu, index: number): string {
  return `[[sfu]]\naddress = "${address}"\nkey = "${key}"\nregion = "${REGIONS[index % REGIONS.length] ?? ""}"\n`;
}

async function allHealthy(port: number): Promise<boolean> {
  const { body } = await ask(`http://127.0.0.1:${String(port)}/v1/health`);
  const { sfus } = JSON.parse(body) as { readonly sfus: readonly { readonly state: string }[] };
  return sfus.every(({ state }) => state === "healthy");
}
