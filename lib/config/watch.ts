import { statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { Cancel, Clock } from "../clock.ts";
import { type Environment, KNOWN } from "./env.ts";

export interface FileWatch {
  /**
   * Takes the files as changed, so that what has been seen is not seen once more: at once, or, soon after another time,
   * when half a second is over. Several calls until then are one.
   */
  now(): void;
  stop: Cancel;
}

export interface FileWatchTools {
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** Of each file, by its path. */
type States = ReadonlyMap<string, string>;

/** So often it is looked; and so long a change has to have settled, for an editor may write in several steps. */
const LOOK_MS = 1000;

/** Somebody who goes on writing must not keep everything else from being seen. */
const UNREST_MS = 5000;

/** Reading the configuration of a large fleet takes a tenth of a second, in which no call is served. */
const APART_MS = 500;

/**
 * Calls `onChange` once for a change of any of these files, when nothing more has changed for a second, or after five of unrest.
 * It asks for their state instead of having the system tell: that also sees the links that Kubernetes turns over to change
 * a mounted file, and what is replaced behind a single mounted one.
 *
 * @param files asked for at each look; one that comes in by `onChange` counts as seen with it
 */
export function watchFiles(files: () => readonly string[], { clock, onChange }: FileWatchTools): FileWatch {
  const look = (): States => new Map(files().map((file) => [file, stateOf(file)]));
  let known = look();
  let settling: { readonly states: States; readonly sinceMs: number } | null = null;
  let actedMs = -Infinity;
  let cancelPending: Cancel | null = null;

  const act = (): void => {
    cancelPending?.();
    cancelPending = null;
    known = look();
    settling = null;
    actedMs = clock.monotonic();
    const seen = known;
    onChange();
    known = new Map([...look()].map(([file, state]) => [file, seen.get(file) ?? state]));
  };

  const stopLooking = clock.every(LOOK_MS, () => {
    const states = look();
    const nowMs = clock.monotonic();
    const hasSettled = isDeepStrictEqual(states, settling?.states);
    if (isDeepStrictEqual(states, known)) settling = null;
    else if (settling !== null && (hasSettled || nowMs - settling.sinceMs >= UNREST_MS)) act();
    else settling = { states, sinceMs: settling?.sinceMs ?? nowMs };
  });

  return {
    now() {
      if (cancelPending !== null) return;
      const waitMs = actedMs + APART_MS - clock.monotonic();
      if (waitMs <= 0) act();
      else cancelPending = clock.after(waitMs, act);
    },
    stop() {
      stopLooking();
      cancelPending?.();
    },
  };
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
