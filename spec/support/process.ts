import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { useCleanup } from "./cleanup.ts";
import { eventually, FOR_A_PROCESS } from "./eventually.ts";
import { leakWatch } from "./leaked-secrets.ts";
import { GATEWAY_KEY } from "./tokens.ts";

const LAUNCHER = new URL("../../bin/sfu-gateway", import.meta.url).pathname;

/** What the launcher was started for, in a process of its own, as an operator starts it. */
export interface LaunchedProcess {
  readonly pid: number;
  /** The lines of its log so far. */
  readonly logs: readonly LogLine[];
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The first log line that comes from now on and whose text begins so. */
  nextLine(start: string): Promise<LogLine>;
  /** Its exit code, when all that it had to say has been read; null where a signal has ended it. */
  readonly exitCode: Promise<number | null>;
}

/** One that serves. */
export interface GatewayProcess extends LaunchedProcess {
  readonly url: string;
}

type LogLine = Readonly<Record<string, unknown>>;

export interface ProcessSetup {
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** All of them, the command included; `serve` alone. */
  readonly args?: readonly string[];
  /** Where its errors go. */
  readonly stderr?: "inherit" | "ignore";
}

export interface GatewaySetup extends ProcessSetup {
  /** A free one where it is left out. */
  readonly port?: number;
}

/** No spec lets one run for longer, in milliseconds. */
const LIFETIME_MS = 120_000;

/** Starts what the launcher can, and ends each after its spec. */
export function useProcesses(): (setup: ProcessSetup) => LaunchedProcess {
  const cleanUp = useCleanup();
  return (setup) => {
    const launched = launch(setup);
    cleanUp(() => end(launched));
    return launched;
  };
}

/** Starts gateways that listen on loopback, and ends each after its spec. */
export function useGatewayProcesses(): (setup?: GatewaySetup) => Promise<GatewayProcess> {
  const start = useProcesses();
  return (setup = {}) => listening(start(served(setup)));
}

/** For those who end it themselves. */
export async function startGatewayProcess(setup: GatewaySetup): Promise<GatewayProcess> {
  const launched = launch(served(setup));
  try {
    return await listening(launched);
  } catch (error) {
    await end(launched);
    throw error;
  }
}

function served({ env, port = 0, ...setup }: GatewaySetup): ProcessSetup {
  const where = { SFU_GATEWAY_PORT: String(port), SFU_GATEWAY_BIND: "127.0.0.1" };
  return { ...setup, env: { SFU_GATEWAY_KEY: GATEWAY_KEY, ...where, ...env } };
}

async function listening(launched: LaunchedProcess): Promise<GatewayProcess> {
  const start = "listening on ";
  const { msg } = await lineOf(launched, start, 0);
  return { ...launched, url: String(msg).slice(start.length) };
}

function end({ kill, exitCode }: LaunchedProcess): Promise<unknown> {
  kill("SIGKILL");
  return exitCode;
}

function launch({ env, args = ["serve"], stderr = "inherit" }: ProcessSetup): LaunchedProcess {
  leakWatch.keepAllIn(env);
  const child = spawn(LAUNCHER, args, {
    env: { PATH: process.env.PATH, NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE, ...env },
    stdio: ["ignore", "pipe", stderr],
    timeout: LIFETIME_MS,
    killSignal: "SIGKILL",
  });
  const logs = linesOf(child);
  const launched: LaunchedProcess = {
    pid: child.pid ?? 0,
    logs,
    kill: (signal) => void child.kill(signal),
    nextLine: (start) => lineOf(launched, start, logs.length),
    exitCode: once(child, "close").then(([code]) => code as number | null),
  };
  return launched;
}

/** Filled as they come. What is no log line, as from a program that it calls, is there as `text`. */
function linesOf({ stdout }: ChildProcess): readonly LogLine[] {
  const logs: LogLine[] = [];
  let output = "";
  stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (output + text).split("\n");
    output = lines.pop() ?? "";
    logs.push(...lines.map(parsed));
  });
  return logs;
}

function parsed(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : { text };
  } catch {
    return { text };
  }
}

/** @throws as soon as the process is over without it */
async function lineOf({ logs, exitCode }: LaunchedProcess, start: string, from: number): Promise<LogLine> {
  let line: LogLine | undefined;
  let isOver = false;
  void exitCode.then(() => (isOver = true));
  await eventually(
    `it says '${start}'`,
    () => {
      line = logs.slice(from).find(({ msg }) => String(msg).startsWith(start));
      if (line === undefined && isOver) throw new Error(`it is over, and has not said '${start}'`);
      return line !== undefined;
    },
    FOR_A_PROCESS,
  );
  return line ?? {};
}
