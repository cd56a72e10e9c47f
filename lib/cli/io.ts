import type { Cancel } from "../clock.ts";
import type { Environment } from "../config/env.ts";
import { type Loaded, loadConfiguration } from "../config/load.ts";

/** What a command has of the world outside. */
export interface Io {
  readonly env: Environment;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stdout is a terminal that wants colours. */
  readonly color: boolean;
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
