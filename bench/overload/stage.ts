import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { sleep, systemClock } from "../../lib/clock.ts";
import type { CallResult, Order } from "./messages.ts";

/** A gateway as a user starts it, simulated SFUs and callers, each in a process of its own. */
export interface Stage {
  call(order: Omit<Order, "port">): Promise<readonly CallResult[]>;
  /** The value of one series of the gateway's `/metrics`. */
  metric(series: string): Promise<number>;
  /** What its log has said of SFUs that it takes for sick. */
  readonly blamed: readonly string[];
  close(): Promise<void>;
}

const keyText = Buffer.from("a key for the bench of overload, 32 bytes and more").toString("base64");

export async function openStage(): Promise<Stage> {
  const sfus = start("sfus.ts", { SFU_KEY: keyText });
  const [addresses] = (await once(sfus, "message")) as [readonly string[]];
  const callers = start("callers.ts", { GATEWAY_KEY: keyText });
  await once(callers, "message");
  const nodes = addresses.map((address) => ({ address, key: keyText, max_sessions: 1_000_000 }));
  const gateway = spawn("bin/sfu-gateway", ["serve"], {
    env: {
      ...process.env,
      SFU_GATEWAY_KEY: keyText,
      SFU_GATEWAY_NODES: JSON.stringify({ sfu: nodes }),
      SFU_GATEWAY_PORT: "0",
      SFU_GATEWAY_BIND: "127.0.0.1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const blamed: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    gateway.once("exit", () => reject(new Error("the gateway has ended")));
    let rest = "";
    gateway.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      // Most are of single calls: a look at each would cost as much as the calls do.
      for (const line of lines.filter((one) => !one.includes('"requestId"'))) {
        const { msg } = JSON.parse(line) as { readonly msg: string };
        const [, found] = /^listening on .*:(\d+)$/.exec(msg) ?? [];
        if (found !== undefined) resolve(Number(found));
        if (/ is (failing|down|open|misconfigured)/.test(msg)) blamed.push(msg);
      }
    });
  });
  await untilHealthy(port);
  return {
    blamed,
    async call(order) {
      callers.send({ ...order, port });
      const [results] = (await once(callers, "message")) as [readonly CallResult[]];
      return results;
    },
    async metric(series) {
      const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${series} `));
      return Number(line?.split(" ").at(-1) ?? NaN);
    },
    async close() {
      for (const child of [callers, sfus]) child.disconnect();
      gateway.kill("SIGTERM");
      if (gateway.exitCode === null) await once(gateway, "exit");
    },
  };
}

function start(file: string, env: Readonly<Record<string, string>>): ChildProcess {
  const { pathname } = new URL(file, import.meta.url);
  return fork(pathname, { env: { ...process.env, ...env }, serialization: "advanced" });
}

async function untilHealthy(port: number): Promise<void> {
  const states = async (): Promise<readonly string[]> => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}/v1/health`);
    const { sfus } = (await answer.json()) as { readonly sfus: readonly { readonly state: string }[] };
    return sfus.map(({ state }) => state);
  };
  while ((await states()).some((state) => state !== "healthy")) await sleep(systemClock, 100);
}
