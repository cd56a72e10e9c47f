import { request } from "node:http";
import { systemClock } from "../../lib/clock.ts";
import { useCleanup } from "./cleanup.ts";
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
  /** Resolves when every call that has been begun by now has its outcome. */
  settled(): Promise<void>;
  /** Begins no more calls. @returns all outcomes, when the last has its own */
  stop(): Promise<readonly Outcome[]>;
}

type StartLoad = (url: string, options: LoadOptions) => Load;

export interface LoadOptions {
  readonly perSecond: number;
  /** The signing key of the next call; the gateway's. */
  readonly key?: () => string;
}

/** So many calls are under way at most. */
const MAX_PENDING = 40;

/**
 * Asks for channels as Odoo does, each over a connection of its own, at a steady rate whatever becomes of them, each
 * for a conference of its own. Whoever still calls after a spec of the suite that called this is cut off.
 */
export function useLoad(): StartLoad {
  const cleanUp = useCleanup();
  return (url, options) => {
    const cut = new AbortController();
    const load = startLoad(url, options, cut.signal);
    cleanUp(() => {
      cut.abort();
      return load.stop();
    });
    return load;
  };
}

function startLoad(url: string, { perSecond, key }: LoadOptions, signal: AbortSignal): Load {
  const outcomes: Outcome[] = [];
  const pending = new Set<Promise<void>>();
  const startedMs = systemClock.monotonic();
  let begun = 0;

  const call = async (iss: string): Promise<void> => {
    const begunMs = systemClock.monotonic();
    const text = token({ claims: claimsOf(iss), ...(key === undefined ? {} : { key: key() }) });
    outcomes.push({ ...(await ask(`${url}/v1/channel`, text, signal)), begunMs });
  };
  const stop = systemClock.every(5, () => {
    const due = ((systemClock.monotonic() - startedMs) / 1000) * perSecond;
    // A machine that has more to do would only queue them, until the gateway is right to turn some away.
    for (; begun < due && pending.size < MAX_PENDING; begun++) {
      const done = call(`load ${String(begun)}`).finally(() => pending.delete(done));
      pending.add(done);
    }
  });
  const settled = async (): Promise<void> => {
    await Promise.all(pending);
  };
  return {
    outcomes,
    settled,
    async stop() {
      stop();
      await settled();
      return outcomes;
    },
  };
}

/** What has become of the calls that were not served, and of how many: `{ "503": 2, ECONNRESET: 1 }`. */
export function failuresIn(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  const failures = outcomes.filter(({ status }) => status !== 200).map(({ status, error }) => error ?? String(status));
  return Object.fromEntries(
    [...new Set(failures)].map((what) => [what, failures.filter((one) => one === what).length]),
  );
}

function ask(url: string, text: string, signal: AbortSignal): Promise<Pick<Outcome, "status" | "error">> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${text}` };
    const sent = request(url, { agent: false, headers, signal }, (answer) => {
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
