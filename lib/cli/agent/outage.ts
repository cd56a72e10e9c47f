import type { Clock } from "../../clock.ts";

/** How often a trouble that lasts is worth a line. */
const REMINDER_MS = 60_000;

/** One trouble, from its first failure to its end: decides which of its many failures are said. */
export class Outage {
  readonly #clock: Clock;
  /** What kinds of failures have been said since it began. */
  readonly #said = new Set<string>();
  #sinceMs: number | null = null;
  #saidAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether this failure is worth a line: the first of its kind is, and one a minute */
  note(kind: string): boolean {
    const nowMs = this.#clock.monotonic();
    this.#sinceMs ??= nowMs;
    if (this.#said.has(kind) && nowMs - this.#saidAtMs < REMINDER_MS) return false;
    this.#said.add(kind);
    this.#saidAtMs = nowMs;
    return true;
  }

  /** @returns how long it has lasted, in milliseconds; null where there was none */
  end(): number | null {
    const sinceMs = this.#sinceMs;
    this.#sinceMs = null;
    this.#said.clear();
    return sinceMs === null ? null : this.#clock.monotonic() - sinceMs;
  }
}
