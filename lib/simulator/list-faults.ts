/** A way in which the simulated list misbehaves. Delays are milliseconds of the simulator's clock. */
export type ListFault =
  /** The port is closed: connections are refused, the existing ones destroyed. */
  | { readonly kind: "refuse" }
  /** Connections are accepted, each request draws a TCP RST. */
  | { readonly kind: "reset" }
  /** Requests are accepted and never answered, not even after healing. */
  | { readonly kind: "hang" }
  /** The headers and half of the proper body, then nothing more. */
  | { readonly kind: "stall" }
  /** The headers and half of the proper body, then the connection is closed. */
  | { readonly kind: "cut" }
  /** The proper answer, late. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** This status, with this body or none; whatever the token. */
  | { readonly kind: "status"; readonly status: number; readonly body?: string }
  /** 200 with an HTML page, or with this body, that says it is JSON. */
  | { readonly kind: "garbage"; readonly body?: string }
  /** 200 with a body of so many bytes (9 MiB), streamed; a valid empty list, so only its size is wrong. */
  | { readonly kind: "huge"; readonly bytes?: number }
  /** 302 to another host, or to where it is told. */
  | { readonly kind: "redirect"; readonly location?: string }
  /** The proper body, compressed without having been asked. */
  | { readonly kind: "compressed" };

export type ListFaultKind = ListFault["kind"];

/** One scene of a script: a fault (`null`: healthy) for a number of requests. */
export interface ListStep {
  readonly fault: ListFault | null;
  readonly forRequests: number;
}

/** Which fault is in force, and the script that changes it. */
export class ListScript {
  #fault: ListFault | null = null;
  #rest: readonly ListStep[] = [];
  /** Requests until the next step, `null` where no script is running. */
  #requestsLeft: number | null = null;

  get fault(): ListFault | null {
    return this.#fault;
  }

  /** Puts `fault` in force until further notice, and ends the script that was running. */
  set(fault: ListFault | null): void {
    this.#fault = fault;
    this.#rest = [];
    this.#requestsLeft = null;
  }

  /**
   * Starts the script; healthy after its last step.
   *
   * @throws {RangeError} for a step that could never end
   */
  play(steps: readonly ListStep[]): void {
    steps.forEach(checkStep);
    this.#next(steps);
  }

  /** The fault that a request meets, `null` for none. Counts the request. */
  take(): ListFault | null {
    const fault = this.#fault;
    if (this.#requestsLeft !== null && --this.#requestsLeft === 0) this.#next(this.#rest);
    return fault;
  }

  #next([step, ...rest]: readonly ListStep[]): void {
    this.#fault = step?.fault ?? null;
    this.#requestsLeft = step?.forRequests ?? null;
    this.#rest = rest;
  }
}

function checkStep({ fault, forRequests }: ListStep): void {
  if (!Number.isInteger(forRequests) || forRequests < 1) {
    throw new RangeError(`forRequests: expected a whole number from 1, got ${forRequests}`);
  }
  if (fault?.kind === "refuse") {
    throw new RangeError("forRequests: no request arrives at a closed port, so 'refuse' needs break and heal");
  }
}
