import type { Cancel, Clock } from "../clock.ts";
import { touches, type Fault } from "./faults.ts";

/**
 * One scene of a script: a fault (`null`: healthy) for a while, or for a number of requests. Only requests that the
 * fault touches are counted; a healthy step counts all.
 */
export type Step =
  | { readonly fault: Fault | null; readonly forMs: number }
  | { readonly fault: Fault | null; readonly forRequests: number };

interface Run {
  readonly rest: Step[];
  readonly finish: () => void;
  /** Requests until the next step, `null` where a timer brings it. */
  requestsLeft: number | null;
  cancelTimer: Cancel;
}

/** Which fault is in force, and the script that changes it. Steps change synchronously, so none is ever skipped. */
export class FaultScript {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #fault: Fault | null = null;
  #run: Run | null = null;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  /** Puts `fault` in force until further notice, and ends the script that was running. */
  set(fault: Fault | null): void {
    this.#endRun();
    this.#change(fault);
  }

  /**
   * Starts the script; healthy after its last step. The promise resolves when it has ended or was replaced.
   *
   * @throws {RangeError} for a step that could never end
   */
  play(steps: readonly Step[]): Promise<void> {
    steps.forEach(checkStep);
    this.#endRun();
    return new Promise((resolve) => {
      const run: Run = { rest: [...steps], finish: resolve, requestsLeft: null, cancelTimer: () => undefined };
      this.#run = run;
      this.#next(run);
    });
  }

  /** The fault that a request to `path` meets, `null` for none. Counts the request. */
  take(path: string): Fault | null {
    const fault = this.#fault;
    const isTouched = fault === null || touches(fault, path);
    const run = this.#run;
    if (typeof run?.requestsLeft === "number" && isTouched) {
      run.requestsLeft -= 1;
      if (run.requestsLeft === 0) this.#next(run);
    }
    return isTouched ? fault : null;
  }

  #next(run: Run): void {
    const step = run.rest.shift();
    if (step === undefined) {
      this.set(null);
      return;
    }
    if ("forMs" in step) {
      run.requestsLeft = null;
      run.cancelTimer = this.#clock.after(step.forMs, () => this.#next(run));
    } else {
      run.requestsLeft = step.forRequests;
    }
    this.#change(step.fault);
  }

  #change(fault: Fault | null): void {
    this.#fault = fault;
    this.#onChange();
  }

  #endRun(): void {
    const run = this.#run;
    this.#run = null;
    run?.cancelTimer();
    run?.finish();
  }
}

function checkStep(step: Step): void {
  if ("forMs" in step) return;
  if (!Number.isInteger(step.forRequests) || step.forRequests < 1) {
    throw new RangeError(`forRequests: expected a whole number from 1, got ${step.forRequests}`);
  }
  if (step.fault?.kind === "refuse") {
    throw new RangeError("forRequests: no request arrives at a closed port, so 'refuse' needs forMs");
  }
}
