import type { Clock } from "../clock.ts";
import { toError } from "../errors.ts";
import { createTtlCache } from "../ttl-cache.ts";

/** Something under way that several may wait for. */
export interface Work<T> {
  readonly result: Promise<T>;
}

/** Lets simultaneous requests for one key share one piece of work. */
export interface Coalescer<T, W extends Work<T>> {
  /**
   * Joins the work that is under way for `key`, or begins it. The work's signal is aborted once nobody waits for it any
   * more; until then a caller that leaves takes only itself out.
   */
  run(key: string, caller: Caller, begin: (signal: AbortSignal) => W): Shared<T, W>;
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

export interface Shared<T, W extends Work<T>> {
  readonly work: W;
  /** Rejected with the reason of the caller's signal when that is aborted, and with whatever the work throws. */
  readonly result: Promise<T>;
  /** Whether somebody else had begun the work. */
  readonly joined: boolean;
}

interface Flight<T, W> {
  readonly work: W;
  readonly controller: AbortController;
  readonly waiting: Set<Waiter<T>>;
  /** Whether somebody has joined it. */
  isShared: boolean;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
  /** Stops listening for the caller's hanging up. */
  readonly settle: () => void;
}

interface Landed<W> {
  readonly work: W;
  readonly atMs: number;
  readonly wasShared: boolean;
}

/** Who asked longer ago than this has been waiting for something else. */
const LINGER_MS = 500;

/**
 * Where several have asked at once, the last of them may connect only after the first is answered: so long after it
 * they still belong to it. Who asks alone, and again, is asked for anew.
 */
const BURST_MS = 250;

/** Bounds the memory of the results that linger. */
const MAX_LINGERING = 10_000;

export function createCoalescer<T, W extends Work<T>>(clock: Clock): Coalescer<T, W> {
  const flights = new Map<string, Flight<T, W>>();
  const landed = createTtlCache<Landed<W>>(MAX_LINGERING, LINGER_MS, clock);

  const start = (key: string, begin: (signal: AbortSignal) => W): Flight<T, W> => {
    const controller = new AbortController();
    const work = begin(controller.signal);
    const flight: Flight<T, W> = { work, controller, waiting: new Set(), isShared: false };
    flights.set(key, flight);
    work.result.then(
      (value) => {
        const wasThere = forget(key, flight);
        if (wasThere) landed.set(key, { work, atMs: clock.monotonic(), wasShared: flight.isShared });
        settleAll(flight, ({ resolve }) => resolve(value));
      },
      (error: unknown) => {
        forget(key, flight);
        settleAll(flight, ({ reject }) => reject(toError(error)));
      },
    );
    return flight;
  };

  /** By identity: a flight that everybody has left may have a successor. @returns whether it was still there */
  const forget = (key: string, flight: Flight<T, W>): boolean => flights.get(key) === flight && flights.delete(key);

  const leave = async (key: string, flight: Flight<T, W>, waiter: Waiter<T>, reason: unknown): Promise<void> => {
    flight.waiting.delete(waiter);
    if (flight.waiting.size === 0) {
      // Before the abort: whoever comes next must not join a flight that is lost.
      forget(key, flight);
      flight.controller.abort(reason);
      // The last one to leave sees how it ended.
      await flight.work.result.catch(() => undefined);
    }
    waiter.reject(toError(reason));
  };

  return {
    run(key, { signal, arrivedMs }, begin) {
      const present = flights.get(key);
      const recent = present === undefined ? landed.get(key) : undefined;
      if (recent !== undefined && arrivedMs <= recent.atMs + (recent.wasShared ? BURST_MS : 0)) {
        return { work: recent.work, result: recent.work.result, joined: true };
      }
      const flight = present ?? start(key, begin);
      flight.isShared ||= present !== undefined;
      const result = new Promise<T>((resolve, reject) => {
        const abort = (): void => void leave(key, flight, waiter, signal.reason);
        const waiter: Waiter<T> = { resolve, reject, settle: () => signal.removeEventListener("abort", abort) };
        flight.waiting.add(waiter);
        if (signal.aborted) abort();
        else signal.addEventListener("abort", abort, { once: true });
      });
      return { work: flight.work, result, joined: present !== undefined };
    },
  };
}

function settleAll<T, W>({ waiting }: Flight<T, W>, tell: (waiter: Waiter<T>) => void): void {
  for (const waiter of waiting) {
    waiter.settle();
    tell(waiter);
  }
}
