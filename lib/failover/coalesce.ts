import type { Clock } from "../clock.ts";
import { toError } from "../errors.ts";
import { createTtlCache } from "../ttl-cache.ts";

/** Lets simultaneous requests for one key share one piece of work. */
export interface Coalescer<T> {
  /**
   * Joins the work that is under way for `key`, or starts it. The work's signal is aborted once nobody waits for it any
   * more; until then a caller that leaves takes only itself out.
   *
   * `result` is rejected with the reason of `signal` when that is aborted, and with whatever the work throws.
   */
  run(key: string, caller: Caller, work: (signal: AbortSignal) => Promise<T>): Shared<T>;
}

export interface Caller {
  /** Aborted when it hangs up. */
  readonly signal: AbortSignal;
  /**
   * When it asked, on the clock's monotonic scale. Requests that set out together do not arrive together, and an SFU
   * answers in a millisecond: who asked before a result was there gets that result, even if it is read after it.
   */
  readonly arrivedMs: number;
}

export interface Shared<T> {
  readonly result: Promise<T>;
  /** Whether somebody else had started the work. */
  readonly joined: boolean;
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

interface Landed<T> {
  readonly value: T;
  readonly atMs: number;
}

/** Who asked longer ago than this has been waiting for something else. */
const LINGER_MS = 500;

/** Bounds the memory of the results that linger. */
const MAX_LINGERING = 10_000;

export function createCoalescer<T>(clock: Clock): Coalescer<T> {
  const flights = new Map<string, Flight<T>>();
  const landed = createTtlCache<Landed<T>>(MAX_LINGERING, LINGER_MS, clock);

  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> => {
    const controller = new AbortController();
    const flight: Flight<T> = { result: work(controller.signal), controller, waiting: 0 };
    flights.set(key, flight);
    flight.result.then(
      (value) => {
        if (forget(key, flight)) landed.set(key, { value, atMs: clock.monotonic() });
      },
      () => forget(key, flight),
    );
    return flight;
  };

  /** By identity: a flight that everybody has left may have a successor. @returns whether it was still there */
  const forget = (key: string, flight: Flight<T>): boolean => flights.get(key) === flight && flights.delete(key);

  return {
    run(key, { signal, arrivedMs }, work) {
      const present = flights.get(key);
      const recent = present === undefined ? landed.get(key) : undefined;
      if (recent !== undefined && arrivedMs <= recent.atMs) {
        return { result: Promise.resolve(recent.value), joined: true };
      }

      const flight = present ?? start(key, work);
      flight.waiting++;
      const result = untilAborted(flight.result, signal, () => {
        flight.waiting--;
        if (flight.waiting > 0) return;
        // Before the abort: whoever comes next must not join a flight that is lost.
        forget(key, flight);
        flight.controller.abort(signal.reason);
      });
      return { result, joined: present !== undefined };
    },
  };
}

function untilAborted<T>(result: Promise<T>, signal: AbortSignal, onAbort: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(toError(signal.reason));
      onAbort();
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    void result.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
