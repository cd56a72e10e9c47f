import type { Cancel, Clock } from "../clock.ts";

/** A destination of log lines; pino says how urgent each is. */
export interface Gathered {
  readonly write: (line: string) => void;
  /** Of the line that comes next, as pino numbers them. */
  lastLevel: number;
  /** Writes what there is, and all that comes from now on at once. */
  readonly end: () => void;
}

/** In milliseconds: nobody reads the line of a call that went well so soon. */
export const GATHERING_MS = 100;

/** pino's number for `warn`. */
const URGENT = 40;

/** Beyond this the writing itself would hold up a call. */
const MOST_CHARACTERS = 64 * 1024;

/**
 * Lines of what went well are written some at a time: the system call for each, and waking up whoever reads them, would take
 * as long as all else that is done for a call's line. A warning or worse is written at once, with all before it. Nothing is
 * lost where the process ends by itself, by a signal that can be heard or by an error.
 */
export function gathered(clock: Clock, write: (text: string) => void): Gathered {
  let waiting = "";
  let cancel: Cancel | null = null;
  let hasEnded = false;
  const flush = (): void => {
    cancel?.();
    cancel = null;
    const text = waiting;
    waiting = "";
    if (text !== "") write(text);
  };
  process.on("exit", flush);
  const destination: Gathered = {
    lastLevel: 0,
    write(line) {
      waiting += line;
      if (hasEnded || destination.lastLevel >= URGENT || waiting.length > MOST_CHARACTERS) flush();
      else cancel ??= clock.after(GATHERING_MS, flush);
    },
    end() {
      hasEnded = true;
      process.off("exit", flush);
      flush();
    },
  };
  // What has pino tell the level of a line.
  return Object.assign(destination, { [Symbol.for("pino.metadata")]: true });
}
