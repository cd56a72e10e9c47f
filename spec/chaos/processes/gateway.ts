import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { GATEWAY_KEY } from "../../support/tokens.ts";
import { owned } from "./children.ts";
import { createFitness, type Fitness } from "./fitness.ts";
import { type LogLine, parseLine } from "./log-line.ts";
import { failoversIn, type Vitals, vitalsIn } from "./vitals.ts";

const LAUNCHER = new URL("../../../bin/sfu-gateway", import.meta.url).pathname;

/** It starts in a second, unless the machine has very much to do. */
const PATIENCE = { patienceMs: 60_000, pauseMs: 5 };

/** The gateway as an operator starts it, with its two files in a folder of its own. */
export interface ChaosGateway {
  readonly port: number;
  /** Of the process that is there now, 0 without one. */
  readonly pid: number;
  /** Out while it is restarted. */
  readonly fitness: Fitness;
  /** Lines of level error and worse, and those that are no JSON. */
  readonly complaints: readonly LogLine[];
  /** What it wrote to its standard error. */
  readonly stderr: string;
  /** The exit codes of the processes that were asked to end. */
  readonly exitCodes: readonly (number | null)[];
  readonly vitals: readonly Vitals[];
  start(): Promise<void>;
  /** SIGTERM, the end, and a new start on the same port. */
  restart(): Promise<void>;
  /** Rewrites the files and sends SIGHUP; resolves when the log says what became of it. */
  reload(files: Files): Promise<void>;
  /** Looks at its memory and its handles. */
  look(): Promise<Vitals>;
  /** How many times calls went on to another SFU, restarts included. */
  failovers(): Promise<number>;
  /** SIGTERM, and the end. */
  stop(): Promise<void>;
  /** Removes whatever is left of it. */
  close(): Promise<void>;
  pause(isPaused: boolean): void;
}

export interface Files {
  readonly secrets: string;
  readonly config: string;
}

export function createGateway(port: number, initial: Files): ChaosGateway {
  const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-chaos-"));
  const write = (files: Files): void => {
    for (const [name, text] of Object.entries(files) as [string, string][]) {
      writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 });
      renameSync(join(folder, `${name}.new`), join(folder, `${name}.toml`));
    }
  };
  write(initial);

  const fitness = createFitness();
  const complaints: LogLine[] = [];
  const exitCodes: (number | null)[] = [];
  const vitals: Vitals[] = [];
  /** The first words of each line, for those who wait for one. */
  let hear: (message: string) => void = () => undefined;
  let stderr = "";
  let child: ChildProcess | null = null;
  let failoversBefore = 0;

  const read = (line: string): void => {
    const atMs = systemClock.monotonic();
    const fields = parseLine(line);
    hear(String(fields.msg));
    if (!["debug", "info", "warn"].includes(String(fields.level))) complaints.push({ atMs, fields });
  };

  const says = async (start: string, act: () => void): Promise<void> => {
    let isSaid = false;
    hear = (message) => (isSaid ||= message.includes(start));
    act();
    await eventually(
      `the gateway says '${start}'`,
      () => {
        if (child?.exitCode !== null) throw new Error(`the gateway has ended: ${stderr}`);
        return isSaid;
      },
      PATIENCE,
    );
  };

  const launch = (): void => {
    const [secrets, config] = [join(folder, "secrets.toml"), join(folder, "config.toml")];
    const env = {
      PATH: process.env.PATH,
      SFU_GATEWAY_KEY: GATEWAY_KEY,
      SFU_GATEWAY_PORT: String(port),
      SFU_GATEWAY_BIND: "127.0.0.1",
    };
    const args = ["serve", "--secrets", secrets, "--config", config];
    const started = owned(spawn(LAUNCHER, args, { env, stdio: ["ignore", "pipe", "pipe"] }));
    started.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    createInterface({ input: started.stdout }).on("line", read);
    child = started;
  };

  const metrics = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${String(port)}/metrics`, { headers: { connection: "close" } });
    return response.text();
  };

  const countFailovers = async (): Promise<number> => failoversIn(await metrics());

  const gateway: ChaosGateway = {
    port,
    get pid() {
      return child?.pid ?? 0;
    },
    fitness,
    complaints,
    exitCodes,
    vitals,
    get stderr() {
      return stderr;
    },
    start: () => says("listening on", launch),
    async restart() {
      failoversBefore += await countFailovers();
      fitness.begin("restarted", systemClock.monotonic());
      await gateway.stop();
      await gateway.start();
      fitness.end(systemClock.monotonic());
    },
    reload(files) {
      write(files);
      return says("reloaded", () => child?.kill("SIGHUP"));
    },
    async look() {
      const seen = vitalsIn(await metrics());
      vitals.push(seen);
      return seen;
    },
    failovers: async () => failoversBefore + (await countFailovers()),
    async stop() {
      if (child === null) return;
      const closed = once(child, "close");
      child.kill("SIGTERM");
      const [code] = (await closed) as [number | null];
      exitCodes.push(code);
    },
    pause: (isPaused) => void child?.kill(isPaused ? "SIGSTOP" : "SIGCONT"),
    async close() {
      if (child !== null && child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return gateway;
}
