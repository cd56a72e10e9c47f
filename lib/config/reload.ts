import { statSync } from "node:fs";
import { toError } from "../errors.ts";
import type { Events } from "../events.ts";
import { changesBetween, type Configuration, storeChanges } from "./changes.ts";
import { ConfigError, type Fault, formatFault } from "./fault.ts";
import type { Loaded } from "./load.ts";

export interface ReloadTools {
  /** What `load` reads. */
  readonly files: readonly string[];
  /** @throws {ConfigError} with every fault */
  readonly load: () => Loaded;
  /** Puts it in force, at once and as a whole. */
  readonly apply: (configuration: Configuration) => void;
  readonly events: Events;
  /** What is in force at the beginning. */
  readonly initial: Loaded;
  /** Told of the warnings that the configuration before did not have. */
  readonly warn: (warnings: readonly Fault[]) => void;
}

/**
 * @returns what reads the configuration anew and puts it in force, or, where anything is wrong with it, leaves
 *   everything as it is; told as `configReload` either way
 */
export function createReload({ files, load, apply, events, initial, warn }: ReloadTools): () => void {
  let inForce = initial;
  return () => {
    try {
      refusePipes(files);
      const next = load();
      const changes = changesBetween(inForce, next);
      apply(next);
      const known = inForce.warnings.map(formatFault);
      const warnings = [...next.warnings, ...withoutEffect(initial, next)];
      warn(warnings.filter((warning) => !known.includes(formatFault(warning))));
      inForce = { ...next, warnings };
      events.emit("configReload", { changes, error: null });
    } catch (error) {
      if (!(error instanceof ConfigError)) events.emit("unexpected", { where: "a reload", error: toError(error) });
      events.emit("configReload", { changes: [], error: toError(error) });
    }
  };
}

/** What is other than at the start, and stays as it was then. */
function withoutEffect(start: Configuration, next: Configuration): readonly Fault[] {
  const problem = "takes a restart: this gateway goes on with the store that it was started with";
  return storeChanges(start, next).map(([what]) => ({ where: "configuration", what, problem }));
}

/** Whoever had written into it has gone, and to read it again is to wait for ever. */
function refusePipes(files: readonly string[]): void {
  const pipes = files.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFIFO() === true);
  if (pipes.length === 0) return;
  const problem = "a pipe, which can be read only once: restart the gateway to have it read another";
  throw new ConfigError(pipes.map((where) => ({ where, what: "", problem })));
}
