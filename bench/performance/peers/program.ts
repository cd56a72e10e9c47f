import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, systemClock } from "../../../lib/clock.ts";
import { owned } from "../../../spec/chaos/processes/children.ts";
import { eventually } from "../../../spec/support/eventually.ts";

/** A server with a folder of its own, which ends with this process. */
export interface Program {
  readonly pid: number;
  /** Resolves when it does. @throws where it has ended, with what it said last */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  /** SIGTERM, and SIGKILL for one that does not hear of it; its folder goes with it. */
  close(): Promise<void>;
}

export interface ProgramSetup {
  readonly command: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In its folder by their names, to be read by nobody else. */
  readonly files: Readonly<Record<string, string>>;
  /** @param folder where the files are, which it may write to */
  readonly args: (folder: string) => readonly string[];
}

/** The gateway and Node.js have started in a second, unless the machine has very much to do. */
const PATIENCE = { patienceMs: 30_000, pauseMs: 5 };

/** A server lets calls end, which SFUs may keep hanging for longer. */
const END_MS = 3000;

const MAX_LAST_WORDS = 2000;

const folders = new Set<string>();
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone when this process has ended, unless that is killed. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sfu-gateway-bench-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Its standard output is read and thrown away, as fast as a journal would take it. */
export function startProgram(name: string, { command, env = {}, files, args }: ProgramSetup): Program {
  const folder = temporaryFolder(name);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text, { mode: 0o600 });
  const child = owned(
    spawn(command, args(folder), {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  let lastWords = "";
  let isGone = false;
  child.stdout.resume();
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    lastWords = (lastWords + text).slice(-MAX_LAST_WORDS);
  });
  const gone = once(child, "close").then(
    () => undefined,
    (error: unknown) => void (lastWords += String(error)),
  );
  void gone.then(() => (isGone = true));
  return {
    pid: child.pid ?? 0,
    until: (what, holds) =>
      eventually(
        `${name} ${what}`,
        () => {
          if (isGone) throw new Error(`${name} has ended: ${lastWords}`);
          return holds();
        },
        PATIENCE,
      ),
    async close() {
      child.kill("SIGTERM");
      const patience = new AbortController();
      await Promise.race([gone, sleep(systemClock, END_MS, patience.signal).catch(() => undefined)]);
      patience.abort();
      child.kill("SIGKILL");
      await gone;
      removeFolder(folder);
    },
  };
}

/** Whether somebody answers there, whatever it is. */
export function answers(port: number, path = "/v1/channel"): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume();
      response.on("error", () => resolve(false));
      response.on("end", () => resolve(true));
    });
    sent.on("error", () => resolve(false)).end();
  });
}
