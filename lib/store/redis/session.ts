import { type Cancel, type Clock, loopIdleMs, turnsOfTheLoop } from "../../clock.ts";
import { StoreError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Endpoint } from "./endpoint.ts";
import { replyCode, toStoreError } from "./failure.ts";
import type { Script } from "./scripts.ts";

export interface Command {
  /** As metrics have it. */
  readonly name: string;
  /** In a cluster it goes to whoever has this one. */
  readonly key: string;
  readonly args: readonly string[];
  /** What `args` refer to by its hash. */
  readonly script?: Script;
}

/** @throws {StoreError} within {@link COMMAND_TIME_MS}, and {@link LONGEST_LAG_MS} more where this process is the slow one */
export type Run = (command: Command) => Promise<unknown>;

/** The time between a connection and its loss. */
export interface Session {
  /** Aborted with a {@link StoreError} when it is over. */
  readonly signal: AbortSignal;
  readonly run: Run;
  /** As {@link Run} for what blocks, up to `blockMs` milliseconds longer. */
  wait(command: Command, blockMs: number): Promise<unknown>;
  /** Asks those who know where the store is, if there are any; to be done now and then. */
  check(): Promise<void>;
  /** Ends it: what is under way is rejected at once, with this reason. */
  fail(error: unknown): void;
}

/**
 * For any command, in milliseconds. A healthy Redis answers in a fraction of one; with more, calls would wait for it that
 * can do without.
 */
export const COMMAND_TIME_MS = 100;

/** For so much longer a command may take that this process had no time to hear of, looking every so often for a rest. */
const LONGEST_LAG_MS = 400;
const REST_MS = 50;
const MAX_BUSY_SHARE = 0.25;

/** Any failure of a command is the end of the session: what has become of it is not known, and the next would fail too. */
export function createSession(
  {
    clock,
    events,
    onEnd,
  }: { readonly clock: Clock; readonly events: Events; readonly onEnd: (error: StoreError) => void },
  endpoint: () => Endpoint,
): Session {
  const controller = new AbortController();
  const { signal } = controller;
  const underWay = new Set<(error: StoreError) => void>();

  const fail = (thrown: unknown): void => {
    if (signal.aborted) return;
    const error = toStoreError(thrown);
    controller.abort(error);
    for (const reject of underWay) reject(error);
    onEnd(error);
  };

  const within = (timeoutMs: number, work: () => Promise<unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(toStoreError(signal.reason));
        return;
      }
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
        cancel();
        underWay.delete(onEnded);
      };
      const onEnded = (error: StoreError): void => {
        settle();
        reject(error);
      };
      const cancel = afterRest(clock, timeoutMs, () => {
        // The answer may be there, and not have been read.
        void turnsOfTheLoop(2).then(() => {
          if (!isSettled) fail(new StoreError(`has not answered within ${String(timeoutMs)} ms`, { isTimeout: true }));
        });
      });
      underWay.add(onEnded);
      work().then(
        (reply) => {
          if (isSettled) return;
          settle();
          resolve(reply);
        },
        (thrown: unknown) => {
          if (isSettled) return;
          // While a cluster moves a slot, some of its keys cannot be used together. That is over soon.
          if (replyCode(thrown) === "TRYAGAIN") onEnded(toStoreError(thrown));
          else fail(thrown);
        },
      );
    });

  const run: Run = async (command) => {
    const { name, key, args, script } = command;
    const startedMs = clock.monotonic();
    const end = (outcome: "ok" | "timeout" | "error"): void =>
      events.emit("storeCommand", { name, durationMs: clock.monotonic() - startedMs, outcome });
    try {
      const reply = await within(COMMAND_TIME_MS, async () => {
        try {
          return await endpoint().send(key, args);
        } catch (error) {
          if (script === undefined || replyCode(error) !== "NOSCRIPT") throw error;
          return await endpoint().send(key, ["EVAL", script.text, ...args.slice(2)]);
        }
      });
      end("ok");
      return reply;
    } catch (thrown) {
      const error = toStoreError(thrown);
      end(error.isTimeout ? "timeout" : "error");
      throw error;
    }
  };

  return {
    signal,
    run,
    check: async () => endpoint().check(),
    wait: ({ key, args }, blockMs) => within(blockMs + COMMAND_TIME_MS, async () => endpoint().wait(key, args)),
    fail,
  };
}

/**
 * As `clock.after`, but later where this process is too busy to know better: what has arrived is read while the event loop
 * rests. Where nothing answers there is soon nothing left to do, so it does.
 */
function afterRest(clock: Clock, timeoutMs: number, run: () => void): Cancel {
  const latestMs = clock.monotonic() + timeoutMs + LONGEST_LAG_MS;
  const wait = (forMs: number): Cancel => {
    const startedMs = clock.monotonic();
    const idleMs = loopIdleMs();
    return clock.after(forMs, () => {
      const nowMs = clock.monotonic();
      const busyMs = nowMs - startedMs - (loopIdleMs() - idleMs);
      if (busyMs > MAX_BUSY_SHARE * forMs && nowMs < latestMs) cancel = wait(REST_MS);
      else run();
    });
  };
  let cancel = wait(timeoutMs);
  return () => cancel();
}
