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

interface Flight<W> {
  readonly work: W;
  readonly controller: AbortController;
  waiting: number;
  /** Whether somebody has joined it. */
  isShared: boolean;
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
  const flights = new Map<string, Flight<W>>();
  const landed = createTtlCache<Landed<W>>(MAX_LINGERING, LINGER_MS, clock);

  const start = (key: string, begin: (signal: AbortSignal) => W): Flight<W> => {
    const controller = new AbortController();
    const flight: Flight<W> = { work: begin(controller.signal), controller, waiting: 0, isShared: false };
    flights.set(key, flight);
    flight.work.result.then(
      () => {
        if (forget(key, flight))
          landed.set(key, { work: flight.work, atMs: clock.monotonic(), wasShared: flight.isShared });
      },
      () => forget(key, flight),
    );
    return flight;
  };

  /** By identity: a flight that everybody has left may have a successor. @returns whether it was still there */
  const forget = (key: string, flight: Flight<W>): boolean => flights.get(key) === flight && flights.delete(key);

  const leave = async (key: string, flight: Flight<W>, reason: unknown): Promise<void> => {
    flight.waiting--;
    if (flight.waiting > 0) return;
    // Before the abort: whoever comes next must not join a flight that is lost.
    forget(key, flight);
    flight.controller.abort(reason);
    // The last one to leave sees how it ended.
    await flight.work.result.catch(() => undefined);
  };

  return {
    run(key, { signal, arrivedMs }, begin) {
      const present = flights.get(key);
      const recent = present === undefined ? landed.get(key) : undefined;
      if (recent !== undefined && arrivedMs <= recent.atMs + (recent.wasShared ? BURST_MS : 0)) {
        return { work: recent.work, result: recent.work.result, joined: true };
      }
      const flight = present ?? start(key, begin);
      flight.waiting++;
      flight.isShared ||= present !== undefined;
      const result = untilAborted(flight.work.result, signal, () => leave(key, flight, signal.reason));
      return { work: flight.work, result, joined: present !== undefined };
    },
  };
}

function untilAborted<T>(result: Promise<T>, signal: AbortSignal, onAbort: () => Promise<void>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      void onAbort().finally(() => reject(toError(signal.reason)));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    const settle = (): void => signal.removeEventListener("abort", abort);
    result.then(
      (value) => {
        settle();
        // The last one that left waits for the end, which must not look like an answer to it.
        if (!signal.aborted) resolve(value);
      },
      (error: unknown) => {
        settle();
        if (!signal.aborted) reject(toError(error));
      },
    );
  });
}
