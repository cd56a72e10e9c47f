import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sleep, systemClock } from "../../lib/clock.ts";
import type { Sample, Vitals } from "./vitals.ts";

const LAUNCHER = new URL("../../bin/sfu-gateway", import.meta.url).pathname;
const INSIDE = new URL("inside.ts", import.meta.url).pathname;

/** A breaker that was opened last is closed by then, and connections that nobody uses are. */
const CALM_MS = 6000;
const SETTLES_MS = 30_000;

/** A gateway as an operator starts it, but for what looks at it from inside. */
export interface SoakedGateway {
  readonly url: string;
  readonly port: number;
  /** The log lines of level error, by their text. */
  readonly errors: ReadonlyMap<string, number>;
  /** Replaces the file of the fleet, which the gateway sees by itself. */
  write(secrets: string): void;
  /** How it is when nothing has been asked of it for a while, and every SFU is well. */
  look(): Promise<Sample>;
  /** SIGTERM. @returns its exit code */
  stop(): Promise<number | null>;
}

export async function startGateway(
  env: Readonly<Record<string, string>>,
  files: { readonly secrets: string; readonly config: string },
): Promise<SoakedGateway> {
  const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-soak-"));
  const [secrets, config] = [join(folder, "secrets.toml"), join(folder, "gateway.toml")];
  const write = (text: string): void => {
    writeFileSync(`${secrets}.new`, text, { mode: 0o600 });
    renameSync(`${secrets}.new`, secrets);
  };
  write(files.secrets);
  writeFileSync(config, files.config);
  const child = spawn(LAUNCHER, ["serve", "--secrets", secrets, "--config", config], {
    env: { PATH: process.env.PATH, NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${INSIDE}`, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const { stdout: out } = child;
  if (out === null) throw new Error("the gateway's log is piped");
  const errors = new Map<string, number>();
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the gateway has ended")));
    createInterface({ input: out }).on("line", (line) => {
      // Most are of single calls: to read each would cost as much as the calls do.
      if (line.includes('"requestId"') && !line.includes('"level":"error"')) return;
      const { level, msg } = JSON.parse(line) as { readonly level: string; readonly msg: string };
      const [, found] = /^listening on .*:(\d+)$/.exec(msg) ?? [];
      if (found !== undefined) resolve(Number(found));
      if (level === "error" || level === "fatal") {
        const kind = msg.replace(/https?:\/\/\S+|\d+/g, "…").slice(0, 80);
        errors.set(kind, (errors.get(kind) ?? 0) + 1);
      }
    });
  });
  const url = `http://127.0.0.1:${String(port)}`;
  const startedMs = systemClock.monotonic();

  const isWell = async (): Promise<boolean> => {
    const { sfus } = (await (await fetch(`${url}/v1/health`)).json()) as {
      readonly sfus: readonly { readonly state: string; readonly breaker: string; readonly draining: boolean }[];
    };
    return sfus.every(({ state, breaker, draining }) => state === "healthy" && breaker === "closed" && !draining);
  };

  return {
    url,
    port,
    errors,
    write,
    async look() {
      const untilMs = systemClock.monotonic() + SETTLES_MS;
      while (!(await isWell()) && systemClock.monotonic() < untilMs) await sleep(systemClock, 200);
      await sleep(systemClock, CALM_MS);
      const text = await (await fetch(`${url}/metrics`, { headers: { connection: "close" } })).text();
      const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
      // The connection for it is gone by then.
      await sleep(systemClock, 200);
      const told = once(child, "message") as Promise<[Vitals]>;
      child.send("vitals");
      const [vitals] = await told;
      return { ...vitals, atS: (systemClock.monotonic() - startedMs) / 1000, series };
    },
    async stop() {
      child.removeAllListeners("exit");
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      rmSync(folder, { recursive: true });
      return code;
    },
  };
}
