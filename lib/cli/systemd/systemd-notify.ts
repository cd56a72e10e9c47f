import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { type Clock, withDeadline } from "../../clock.ts";
import { describeSystemError } from "../../errors.ts";
import type { Environment } from "../../config/env.ts";
import type { Fields } from "./mailbox.ts";

export interface Limits {
  readonly clock: Clock;
  /** For one message. */
  readonly timeoutMs: number;
}

/**
 * Sends messages to the service manager by the program that systemd has for shell scripts, as Node cannot write to a
 * datagram socket. The program waits until the manager has seen who it was.
 *
 * @returns a function that throws where the program is missing, fails or hangs; it has ended then
 */
export function sendBy(program: string, env: Environment, limits: Limits): (fields: Fields) => Promise<void> {
  const { clock, timeoutMs } = limits;
  const onTimeout = (): Error => new Error(`${program} did not end within ${String(timeoutMs)} ms`);
  return (fields) => withDeadline({ clock, timeoutMs, onTimeout }, (signal) => run(program, fields, env, signal));
}

function run(program: string, args: Fields, env: Environment, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL" });
    // Contrary to its type it is missing where the process has no file descriptor left.
    const stderr = child.stderr as Readable | undefined;
    let said = "";
    child.on("error", (error) => {
      // Where it was killed, a child of its own may still hold the other end, and this process open with it.
      stderr?.destroy();
      reject(new Error(`${program} could not be started: ${describeSystemError(error)}`));
    });
    child.once("close", (code, by) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${String(code ?? by)}${said === "" ? "" : `: ${said.trim()}`}`));
    });
    stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, MOST_SAID)));
  });
}

/** Characters of what the program has to say on its failure. */
const MOST_SAID = 300;
