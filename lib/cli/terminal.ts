import type { Environment } from "../config/env.ts";

/** A terminal, in characters. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** What of a stream tells whether it is a terminal, and which. */
export interface OutputStream {
  /** Node leaves it and the others out where it is none. */
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  hasColors?(): boolean;
}

/**
 * @returns the terminal as large as it is now; null where this is none, or one that cannot move its cursor
 */
export function screenOf({ isTTY = false, columns = 0, rows = 0 }: OutputStream, env: Environment): Screen | null {
  if (!isTTY || env.TERM === "dumb") return null;
  // A serial console does not say how large it is.
  return columns > 0 && rows > 0 ? { columns, rows } : null;
}

/** FORCE_COLOR decides, else NO_COLOR (of any text), else whether this is a terminal that knows colours. */
export function wantsColor(stream: OutputStream, env: Environment): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no = "" } = env;
  if (force !== undefined) return force !== "0" && force !== "false";
  return no === "" && stream.isTTY === true && (stream.hasColors?.() ?? false);
}
