import { toError } from "./errors.ts";

/** Stops something that was started; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time, as everything in the gateway sees it. One object is handed down from the composition root, so that a spec can
 * put a fake in its place and let hours pass at once.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. For timestamps and token claims; it may jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For durations and deadlines. */
  monotonic(): number;
  /** Calls `run` once, `delayMs` milliseconds from now. Keeps the process alive until then. */
  after(delayMs: number, run: () => void): Cancel;
  /** Calls `run` every `intervalMs` milliseconds. Does not keep the process alive. */
  every(intervalMs: number, run: () => void): Cancel;
}

/** A uniformly distributed number in [0, 1), like `Math.random`. Seeded in specs. */
export type Random = () => number;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * How long the event loop has waited for something to do since the process began, in milliseconds. Where it waits,
 * everything that had arrived has been read.
 */
export function loopIdleMs(): number {
  return performance.nodeTiming.idleTime;
}

/** The number of the event loop's present turn. */
export function loopTurn(): number {
  return performance.nodeTiming.uvMetricsInfo.loopCount;
}

/** Not for anything secret: request ids and tokens come from `node:crypto`. */
export const systemRandom: Random = () => Math.random();

/**
 * Resolves after `delayMs` milliseconds.
 *
 * @throws the reason of `signal` as soon as that is aborted
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(reasonOf(signal));
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Lets the event loop go round so many times: what has arrived at the sockets by now is read in between. */
export function turnsOfTheLoop(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const turn = (): void => {
      if (left-- > 0) setImmediate(turn);
      else resolve();
    };
    turn();
  });
}

/** Resolves once `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What bounds a piece of work from outside. */
export interface Bounds {
  readonly clock: Clock;
  /** The longest that the work may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the work early, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The error to end with when the time is up. */
  readonly onTimeout: () => Error;
  /** The error to end with when `signal` is aborted; its reason without it. */
  readonly onAbort?: () => Error;
}

/**
 * Runs `work` with a signal that is aborted when the time is up or the caller's own signal is. The promise settles at
 * that moment even where `work` ignores its signal, and leaves no timer and no listener behind.
 *
 * @throws `onTimeout()` when the time is up; `onAbort()` when `bounds.signal` is aborted; whatever `work` throws
 */
export function withDeadline<T>(bounds: Bounds, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, signal, onTimeout, onAbort = () => reasonOf(signal) } = bounds;
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) {
      reject(onAbort());
      return;
    }
    const controller = new AbortController();
    const end = (error: Error): void => {
      release();
      reject(error);
      controller.abort(error);
    };
    const abort = (): void => end(onAbort());
    const cancel = clock.after(timeoutMs, () => end(onTimeout()));
    const release = (): void => {
      cancel();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    const fail = (error: unknown): void => {
      release();
      reject(toError(error));
    };
    try {
      // A rejection that comes after the end has been announced is answered by nobody, and that is right.
      work(controller.signal).then((value) => {
        release();
        resolve(value);
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}

/**
 * What `work` brings, null where that is not there when the time is up. The work goes on.
 *
 * @throws the reason of `bounds.signal` when that is aborted; whatever `work` throws in time
 */
export function inTime<T>(bounds: Omit<Bounds, "onTimeout">, work: Promise<T>): Promise<T | null> {
  let isLate = false;
  const onTimeout = (): Error => {
    isLate = true;
    return new Error("the time is up");
  };
  return withDeadline({ ...bounds, onTimeout }, () => work).catch((error: unknown) => {
    if (isLate) return null;
    throw error;
  });
}

/**
 * Whether a time limit has struck so much later than it was set for that this process, and not whoever was waited for, was
 * the slow one: it was stopped, or had too much to do.
 */
export function isLate(tookMs: number, limitMs: number): boolean {
  return tookMs > limitMs + Math.max(50, limitMs / 4);
}

/** A duration as it is told to people: no finer than a tenth of a millisecond. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return toError(signal?.reason);
}
