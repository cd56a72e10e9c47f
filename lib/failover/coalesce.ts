/** Lets simultaneous requests for one key share one piece of work. */
export interface Coalescer<T> {
  /**
   * Joins the work that is under way for `key`, or starts it. The work's signal is aborted once nobody waits for it
   * any more; until then a caller that leaves takes only itself out.
   *
   * @throws the reason of `signal` when that is aborted; whatever the work throws
   */
  run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Shared<T>;
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

export function createCoalescer<T>(): Coalescer<T> {
  const flights = new Map<string, Flight<T>>();

  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> => {
    const controller = new AbortController();
    const flight: Flight<T> = { result: work(controller.signal), controller, waiting: 0 };
    const land = (): void => forget(key, flight);
    flight.result.then(land, land);
    flights.set(key, flight);
    return flight;
  };

  /** By identity: another flight may have taken the key since. */
  const forget = (key: string, flight: Flight<T>): void => {
    if (flights.get(key) === flight) flights.delete(key);
  };

  return {
    run(key, signal, work) {
      const present = flights.get(key);
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
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      reject(signal.reason);
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
