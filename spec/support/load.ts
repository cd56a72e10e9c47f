import { request } from "node:http";
import { systemClock } from "../../lib/clock.ts";
import { claimsOf, token } from "./tokens.ts";

/** What one caller got: a status, or the code of the error in its place. */
export interface Outcome {
  readonly status: number | null;
  readonly error: string | null;
  /** When it was begun, on the monotonic scale. */
  readonly begunMs: number;
}

export interface Load {
  readonly outcomes: readonly Outcome[];
  /** Begins no more calls. @returns all outcomes, when the last has its own */
  stop(): Promise<readonly Outcome[]>;
}

export interface LoadOptions {
  readonly perSecond: number;
  /** The signing key of the next call; the gateway's. */
  readonly key?: () => string;
}

/**
 * Asks for channels as Odoo does, each over a connection of its own, at a steady rate whatever becomes of them, each
 * for a conference of its own.
 */
export function startLoad(url: string, { perSecond, key }: LoadOptions): Load {
  const outcomes: Outcome[] = [];
  const pending = new Set<Promise<void>>();
  const startedMs = systemClock.monotonic();
  let begun = 0;

  const call = async (iss: string): Promise<void> => {
    const begunMs = systemClock.monotonic();
    const text = token({ claims: claimsOf(iss), ...(key === undefined ? {} : { key: key() }) });
    outcomes.push({ ...(await ask(`${url}/v1/channel`, text)), begunMs });
  };
  const stop = systemClock.every(5, () => {
    const due = ((systemClock.monotonic() - startedMs) / 1000) * perSecond;
    while (begun < due) {
      const done = call(`load ${String(begun++)}`).finally(() => pending.delete(done));
      pending.add(done);
    }
  });
  return {
    outcomes,
    async stop() {
      stop();
      await Promise.all(pending);
      return outcomes;
    },
  };
}

function ask(url: string, text: string): Promise<Pick<Outcome, "status" | "error">> {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false, headers: { authorization: `Bearer ${text}` } }, (answer) => {
      answer.resume();
      answer.once("close", () => {
        const status = answer.statusCode ?? null;
        resolve(answer.complete ? { status, error: null } : { status: null, error: "cut short" });
      });
    });
    sent.once("error", (error: NodeJS.ErrnoException) => resolve({ status: null, error: error.code ?? error.message }));
    sent.end();
  });
}
