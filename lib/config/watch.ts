import { statSync } from "node:fs";
import type { Cancel, Clock } from "../clock.ts";
import { type Environment, KNOWN } from "./env.ts";

export interface FileWatch {
  /** Takes the files as changed now, so that what has been seen is not seen once more. */
  now(): void;
  stop: Cancel;
}

export interface FileWatchTools {
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** So often it is looked; and so long a change has to have settled, for an editor may write in several steps. */
const LOOK_MS = 1000;

/**
 * Calls `onChange` once for a change of any of `files`, when nothing more has changed for a second. It asks for their
 * state instead of having the system tell: that also sees what other hosts write over a network, and the links that
 * Kubernetes turns over to change a mounted file.
 */
export function watchFiles(files: readonly string[], { clock, onChange }: FileWatchTools): FileWatch {
  const look = (): string => files.map(stateOf).join("\n");
  let known = look();
  let settling: string | null = null;

  const act = (state: string): void => {
    known = state;
    settling = null;
    onChange();
  };

  const stop = clock.every(LOOK_MS, () => {
    const state = look();
    if (state === known) settling = null;
    else if (state === settling) act(state);
    else settling = state;
  });
  return { now: () => act(look()), stop };
}

/** Every file that a configuration is read from. */
export function filesOf(
  { secrets, config }: { readonly secrets?: string; readonly config?: string },
  env: Environment,
): readonly string[] {
  const ofSecrets = KNOWN.filter((name) => name.endsWith("_FILE")).map((name) => env[name]?.trim() ?? "");
  return [secrets ?? "", config ?? "", ...ofSecrets].filter((file) => file !== "");
}

/** Another one, whenever the content may be another one. */
function stateOf(file: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join(" ");
  } catch {
    return "absent";
  }
}
