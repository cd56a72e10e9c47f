import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useCleanup } from "./cleanup.ts";
import { eventually, FOR_A_PROCESS } from "./eventually.ts";
import { pathOf, type Tool } from "./tools.ts";

/** A server of somebody else's that is run by one file. */
export interface Program {
  readonly tool: Tool;
  /** The file's name in the program's folder. */
  readonly file: string;
  /** What a distribution has around what is delivered. */
  readonly wrapped: (conf: string) => string;
  /** @param folder the program's own, which it may write to */
  readonly run: (folder: string) => readonly string[];
  readonly check: (folder: string) => readonly string[];
}

/** What it says of a configuration without running it. */
export interface Verdict {
  readonly exitCode: number;
  readonly output: string;
}

export interface Programs {
  check(conf: string): Promise<Verdict>;
  /** Resolves when it listens on the port. @returns what it has said so far */
  start(conf: string, port: number): Promise<() => string>;
}

/** Real ones, each with a folder and a file of its own; ended after each spec of the suite that called this. */
export function usePrograms({ tool, file, wrapped, run, check }: Program): Programs {
  const cleanUp = useCleanup();

  const launch = (
    conf: string,
    args: (folder: string) => readonly string[],
  ): { readonly exit: Promise<number>; readonly output: () => string } => {
    const folder = mkdtempSync(join(tmpdir(), `${tool}-`));
    writeFileSync(join(folder, file), wrapped(conf));
    const program = pathOf(tool);
    if (program === null) throw new Error(`${tool} is not installed`);
    const child = spawn(program, args(folder));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
    const exit = once(child, "close").then(([code]) => code as number);
    cleanUp(async () => {
      child.kill("SIGTERM");
      await exit;
      rmSync(folder, { recursive: true });
    });
    return { exit, output: () => output };
  };

  return {
    async check(conf) {
      const { exit, output } = launch(conf, check);
      return { exitCode: await exit, output: output() };
    },
    async start(conf, port) {
      const { exit, output } = launch(conf, run);
      let isOver = false;
      void exit.then(() => (isOver = true));
      await eventually(
        `${tool} listens`,
        async () => {
          if (isOver) throw new Error(`${tool} ended: ${output()}`);
          return listens(port);
        },
        FOR_A_PROCESS,
      );
      return output;
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
