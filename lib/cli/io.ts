import type { Cancel } from "../clock.ts";
import type { Environment } from "../config/env.ts";
import { type Loaded, loadConfiguration } from "../config/load.ts";
import type { Screen } from "./terminal.ts";

/** What a command has of the world outside. */
export interface Io {
  readonly env: Environment;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether what is written to stdout may have colours. */
  readonly color: boolean;
  /** The terminal that stdout is; null where it is a file or a pipe. */
  readonly screen: () => Screen | null;
  /** Aborted when whoever reads stdout has gone, as `| head` does. Only a write finds out. */
  readonly unread: AbortSignal;
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Calls `run` at each SIGHUP, which would otherwise end the process. @returns what lets it do so again */
  readonly onHangup: (run: () => void) => Cancel;
}

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** Bad usage or configuration. */
export const EXIT_USAGE = 2;

/** Ends a command with a message for whoever typed it. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The options of every command that needs a configuration. */
export interface FileOptions {
  readonly secrets?: string;
  readonly config?: string;
}

/** @throws {ConfigError} with every fault */
export function loadFor(options: FileOptions, io: Io): Loaded {
  return loadConfiguration({
    env: io.env,
    secretsFile: options.secrets ?? null,
    configFile: options.config ?? null,
  });
}

export function printJson(io: Io, value: unknown): void {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`);
}
