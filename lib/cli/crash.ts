import { writeSync } from "node:fs";
import { systemClock } from "../clock.ts";
import { describeError } from "../describe-error.ts";
import { VERSION } from "../version.ts";

/** Whoever reads the last words: a log, or a person at a terminal. */
export type Reader = "log" | "person";

/**
 * Ends the process with 1 where an error was caught by nobody: what is left of it cannot be trusted. Node would print
 * such an error with all that hangs on it, and on one of a request that is its Authorization header.
 */
export function crashSafely(reader: Reader): void {
  // A rejection that nobody handles comes here, too.
  process.on("uncaughtException", (thrown: unknown) => {
    const { fd, text } = lastWords(thrown, reader);
    try {
      // A stream would not have written it before the process is gone.
      writeSync(fd, text);
    } finally {
      process.exit(1);
    }
  });
}

function lastWords(thrown: unknown, reader: Reader): { readonly fd: number; readonly text: string } {
  const err = describeError(thrown);
  const msg = "the gateway has crashed by a fault of its own: please report the stack";
  if (reader === "log") {
    const time = new Date(systemClock.now()).toISOString();
    return { fd: 1, text: `${JSON.stringify({ level: "fatal", time, version: VERSION, err, msg })}\n` };
  }
  return {
    fd: 2,
    text: `sfu-gateway ${VERSION}: a fault of its own, please report it: ${JSON.stringify(err, null, 2)}\n`,
  };
}
