import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useCleanup } from "./cleanup.ts";
import { eventually, FOR_A_PROCESS } from "./eventually.ts";
import { pathOf } from "./tools.ts";

/** What nginx says of a configuration without running it. */
export interface Verdict {
  readonly exitCode: number;
  readonly output: string;
}

export interface Nginxes {
  /** `nginx -t`. */
  check(conf: string): Promise<Verdict>;
  /** Resolves when it listens on the port. */
  start(conf: string, port: number): Promise<void>;
}

/**
 * Real ones, each with a folder and a configuration of its own; ended after each spec of the suite that called this.
 *
 * @param conf of `check` and `start`: what belongs into `http { }`
 */
export function useNginx(): Nginxes {
  const cleanUp = useCleanup();

  const run = (
    conf: string,
    ...options: string[]
  ): { readonly exit: Promise<number>; readonly output: () => string } => {
    const folder = mkdtempSync(join(tmpdir(), "nginx-"));
    writeFileSync(join(folder, "nginx.conf"), wrapped(conf));
    const program = pathOf("nginx");
    if (program === null) throw new Error("nginx is not installed");
    const child = spawn(program, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr", ...options]);
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
      const { exit, output } = run(conf, "-t");
      return { exitCode: await exit, output: output() };
    },
    async start(conf, port) {
      const { exit, output } = run(conf);
      let isOver = false;
      void exit.then(() => (isOver = true));
      await eventually(
        "nginx listens",
        async () => {
          if (isOver) throw new Error(`nginx ended: ${output()}`);
          return listens(port);
        },
        FOR_A_PROCESS,
      );
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

/** What a distribution's nginx.conf has around it, and everything it writes in its own folder. */
function wrapped(conf: string): string {
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  return `
    daemon off;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    worker_processes 1;
    pid nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      ${folders.join("\n      ")}
      ${conf}
    }
  `;
}
