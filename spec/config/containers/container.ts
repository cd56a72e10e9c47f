import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import type { Image } from "./build.ts";
import { commandLine, type Mount } from "./sandbox.ts";

export interface ContainerSetup {
  readonly command?: readonly string[];
  readonly env?: ReadonlyMap<string, string>;
  readonly mounts?: readonly Mount[];
}

export interface Ran {
  readonly exitCode: number | null;
  readonly output: string;
}

/** A container of the image whose root nobody can write to. */
export interface Container {
  readonly url: string;
  /** The first process in it, as this machine numbers it. */
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Waits for the first line of its log from now on that begins so. */
  nextLine(start: string): Promise<Readonly<Record<string, unknown>>>;
  /** Runs a command beside it, as `docker exec` does. */
  exec(...argv: readonly string[]): Ran;
  readonly exitCode: Promise<number | null>;
}

/** Starts containers on a free port of loopback, and ends each after its spec. */
export function useContainers(image: () => Image): (setup?: ContainerSetup) => Promise<Container> {
  const started: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, "exit");
      // The first process of its namespace, with which all others end. (That of `unshare` would not reach it: who changes
      // his user is no longer told of his parent's death.)
      for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
      await exit;
    }
  });

  return async ({ command, env = new Map<string, string>(), mounts = [] } = {}) => {
    const port = await freePort();
    // The network is this machine's, so not everywhere.
    const listen = [
      ["SFU_GATEWAY_PORT", String(port)],
      ["SFU_GATEWAY_BIND", "127.0.0.1"],
    ] as const;
    const setup = { mounts, env: new Map([...env, ...listen]) };
    const { file, args } = startOf(image(), setup, [...image().entrypoint, ...(command ?? image().command)]);
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    const exitCode = once(child, "exit").then(([code]) => code as number | null);
    const nextLine = readLines(child, exitCode);
    await nextLine("listening on ");
    const [pid = 0] = childrenOf(child.pid ?? 0);
    return {
      url: `http://127.0.0.1:${String(port)}`,
      pid,
      kill: (signal) => void process.kill(pid, signal),
      nextLine,
      exec: (...argv) => runOnce(image(), setup, argv),
      exitCode,
    };
  };
}

/** Runs a command in a container of its own, to its end. */
export function runOnce(image: Image, setup: ContainerSetup, argv: readonly string[]): Ran {
  const { file, args } = startOf(image, setup, argv);
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: "utf8", timeout: 20_000 });
  return { exitCode: status, output: stdout + stderr };
}

function startOf(image: Image, { env = new Map(), mounts = [] }: ContainerSetup, argv: readonly string[]) {
  return commandLine({
    ...image,
    isReadOnly: true,
    mounts: [image.local, ...mounts],
    // A user without a home in /etc/passwd has this one.
    env: new Map([...image.env, ["HOME", "/"], ...env]),
    argv,
  });
}

function readLines(child: ChildProcess, exitCode: Promise<number | null>): Container["nextLine"] {
  const waiting = new Set<(line: Readonly<Record<string, unknown>>) => void>();
  let rest = "";
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) for (const take of waiting) take(JSON.parse(line) as Record<string, unknown>);
  });
  return (start) =>
    new Promise((resolve, reject) => {
      const take = (line: Readonly<Record<string, unknown>>): void => {
        if (!String(line.msg).startsWith(start)) return;
        waiting.delete(take);
        resolve(line);
      };
      waiting.add(take);
      void exitCode.then((code) => {
        reject(new Error(`it ended with ${String(code)} and never said '${start}': ${errors}`));
      });
    });
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
  return text.trim().split(" ").map(Number);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Whether this machine lets us make namespaces. */
export function hasNamespaces(): boolean {
  const flags = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  try {
    execFileSync("unshare", [...flags, "--mount", "--pid", "--fork", "true"], { stdio: "ignore", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}
