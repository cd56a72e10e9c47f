import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.ts";
import { GATEWAY_KEY } from "./tokens.ts";

const LAUNCHER = new URL("../../bin/sfu-gateway", import.meta.url).pathname;

/** A gateway in a process of its own, as its operator starts it. */
export interface GatewayProcess {
  readonly url: string;
  readonly pid: number;
  /** The lines of its log so far. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  kill(signal: NodeJS.Signals): void;
  /** The first log line that comes from now on and whose text begins so. */
  nextLine(start: string): Promise<Readonly<Record<string, unknown>>>;
  /** Its exit code; null where a signal has ended it. */
  readonly exitCode: Promise<number | null>;
}

export interface ProcessSetup {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** No spec lets one run for longer, in milliseconds. */
const LIFETIME_MS = 60_000;

/** Starts gateways that listen on a free port of loopback, and ends each after its spec. */
export function useGatewayProcesses(): (setup?: ProcessSetup) => Promise<GatewayProcess> {
  const started: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  return async ({ env = {}, args = [] } = {}) => {
    const child = spawn(LAUNCHER, ["serve", ...args], {
      env: {
        PATH: process.env.PATH,
        NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
        SFU_GATEWAY_KEY: GATEWAY_KEY,
        SFU_GATEWAY_PORT: "0",
        SFU_GATEWAY_BIND: "127.0.0.1",
        ...env,
      },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: LIFETIME_MS,
    });
    started.push(child);
    const exitCode = once(child, "exit").then(([code]) => code as number | null);
    let output = "";
    const logs: Readonly<Record<string, unknown>>[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (output + text).split("\n");
      output = lines.pop() ?? "";
      logs.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    });

    const find = async (start: string, from: number): Promise<Readonly<Record<string, unknown>>> => {
      const found = (): Readonly<Record<string, unknown>> | undefined =>
        logs.slice(from).find(({ msg }) => String(msg).startsWith(start));
      await eventually(`it says '${start}'`, () => found() !== undefined);
      return found() ?? {};
    };
    const { msg } = await find("listening on ", 0);
    return {
      url: String(msg).slice("listening on ".length),
      pid: child.pid ?? 0,
      logs,
      kill: (signal) => void child.kill(signal),
      nextLine: (start) => find(start, logs.length),
      exitCode,
    };
  };
}
