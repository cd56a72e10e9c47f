import { turnsOfTheLoop } from "../clock.ts";

/** Text that is written a little later than it is said. */
export interface Gathered {
  readonly write: (text: string) => void;
  /** Writes what there is, and all that comes from now on at once. */
  readonly end: () => void;
}

/**
 * What is said within one turn of the event loop is written in one piece: under load there are many calls in a turn, a line
 * for each, and a system call takes as long as making the line. Nothing is lost when the process ends by an error.
 */
export function gathered(write: (text: string) => void): Gathered {
  let waiting = "";
  let hasEnded = false;
  const flush = (): void => {
    const text = waiting;
    waiting = "";
    if (text !== "") write(text);
  };
  process.on("exit", flush);
  return {
    write(text) {
      if (waiting === "" && !hasEnded) void turnsOfTheLoop(1).then(flush);
      waiting += text;
      if (hasEnded) flush();
    },
    end() {
      hasEnded = true;
      process.off("exit", flush);
      flush();
    },
  };
}
