import { inspect } from "node:util";
import { ConfigError } from "../../lib/config/fault.ts";
import { GatewayError, ListError, SfuError } from "../../lib/errors.ts";

/** Something that reads what a stranger has written. */
export interface Target {
  readonly name: string;
  /** Good inputs, and such as are nearly good, to begin with. */
  readonly seeds: readonly Buffer[];
  /** Words of its language. */
  readonly words: readonly string[];
  /** Outcomes that the suite's run has to come upon: a fuzzer that never gets past the first check shows nothing. */
  readonly reaches: readonly string[];
  /** Throws where something happened that must not; else what has become of the input. */
  run(input: Buffer): Outcome | Promise<Outcome>;
  /** Removes what it has made for its inputs. */
  close?(): void;
  /** Where the input is not what is read: that, for whoever has to mend it. */
  show?(input: Buffer): string;
}

export interface Outcome {
  /** One of a few: `accepted`, or the code of the error. */
  readonly kind: string;
  /** More about it; an input with new details is worth going on with. */
  readonly details: string;
}

/** Something that must not happen, and is no error of the gateway's own making. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** A key of 32 bytes. Each target has it in its inputs where keys and tokens are, and no error may tell it. */
export const CANARY = "c4nary/C4NARY+c4nary/C4NARY+c4nary/C4NARY+c=";

/**
 * Runs what is tested. `accepted` with what it returns, the code of an error that the interface documents, or that very
 * error.
 *
 * @throws {Finding} where an error tells a secret; whatever else `act` throws
 */
export async function outcomeOf(act: () => unknown): Promise<Outcome> {
  try {
    const details = await act();
    return { kind: "accepted", details: typeof details === "string" ? details : "" };
  } catch (error) {
    const kind = documented(error);
    if (kind === null) throw error;
    const { message } = error as Error;
    if (message.includes(CANARY) || inspect(error).includes(CANARY)) throw new Finding(`tells a secret: ${message}`);
    return { kind, details: message.replaceAll(/\d+/g, "#") };
  }
}

function documented(error: unknown): string | null {
  if (error instanceof GatewayError) return error.status === 500 ? null : error.code;
  if (error instanceof SfuError) return error.failure;
  if (error instanceof ConfigError) return "refused";
  return error instanceof ListError ? "refused" : null;
}

/** @throws {Finding} */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what);
}
