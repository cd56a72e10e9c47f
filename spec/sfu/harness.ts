import { type Clock, withDeadline } from "../../lib/clock.ts";
import { SfuError, type SfuFailure } from "../../lib/errors.ts";
import type { AttemptBounds, KeyCheck, SfuClient } from "../../lib/sfu/client.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import type { Stats } from "../../lib/sfu/stats.ts";

/** What an SFU does with a question: answer, at once or late, fail so, or never say a word. */
export type Behaviour<T> = T | Error | "hangs" | { readonly afterMs: number; readonly then: T | Error };

/** How one SFU behaves; well, unless the spec says otherwise. */
export interface Behaviours {
  noop: Behaviour<"fine">;
  key: Behaviour<KeyCheck>;
  stats: Behaviour<Stats>;
}

/** One question to an SFU. */
export interface Question {
  readonly what: keyof Behaviours;
  readonly sfu: Sfu;
  readonly bounds: AttemptBounds;
  /** When it was asked, on the clock's monotonic scale. */
  readonly atMs: number;
}

/** A client whose SFUs are made of behaviours; it keeps its bounds as the real one does. */
export class FakeClient implements SfuClient {
  readonly asked: Question[] = [];
  /** The most that were under way at a time. */
  peak = 0;
  #underWay = 0;
  readonly #clock: Clock;
  readonly #behaviours = new Map<string, Behaviours>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be changed as the spec likes. */
  of({ address }: Sfu): Behaviours {
    const present = this.#behaviours.get(address);
    if (present !== undefined) return present;
    const well: Behaviours = {
      noop: "fine",
      key: "accepted",
      stats: { sessions: 0, channels: 0, ordinarySessions: 0, uuids: [] },
    };
    this.#behaviours.set(address, well);
    return well;
  }

  /** Refuses every connection, or answers nothing. */
  kill(sfu: Sfu, how: "refuses" | "hangs"): void {
    const dead = how === "hangs" ? how : refused();
    Object.assign(this.of(sfu), { noop: dead, key: dead, stats: dead });
  }

  heal(sfu: Sfu): void {
    this.#behaviours.delete(sfu.address);
  }

  /** When it was asked, on the clock's monotonic scale. */
  times(what: keyof Behaviours, { address }: Sfu): number[] {
    return this.asked.filter((one) => one.what === what && one.sfu.address === address).map(({ atMs }) => atMs);
  }

  count(what: keyof Behaviours, sfu: Sfu): number {
    return this.times(what, sfu).length;
  }

  join(): never {
    throw new Error("nobody joins here");
  }

  async noop(sfu: Sfu, bounds: AttemptBounds): Promise<void> {
    await this.#ask("noop", sfu, bounds);
  }

  checkKey(sfu: Sfu, bounds: AttemptBounds): Promise<KeyCheck> {
    return this.#ask("key", sfu, bounds);
  }

  stats(sfu: Sfu, bounds: AttemptBounds): Promise<Stats> {
    return this.#ask("stats", sfu, bounds);
  }

  disconnect(): never {
    throw new Error("nobody disconnects here");
  }

  close(): void {
    // Nothing is open.
  }

  async #ask<What extends keyof Behaviours>(
    what: What,
    sfu: Sfu,
    bounds: AttemptBounds,
  ): Promise<Exclude<Behaviours[What], Error | "hangs" | { readonly afterMs: number }>> {
    type Answer = Exclude<Behaviours[What], Error | "hangs" | { readonly afterMs: number }>;
    this.asked.push({ what, sfu, bounds, atMs: this.#clock.monotonic() });
    this.peak = Math.max(this.peak, ++this.#underWay);
    const behaviour = this.of(sfu)[what];
    const { timeoutMs, signal } = bounds;
    const onTimeout = (): SfuError => new SfuError("timeout", "did not answer in time");
    try {
      return await withDeadline({ clock: this.#clock, timeoutMs, signal, onTimeout }, async (deadline) => {
        const told = typeof behaviour === "object" && "afterMs" in behaviour ? behaviour.then : behaviour;
        if (told === "hangs") return new Promise<never>(() => undefined);
        if (told !== behaviour) await this.#wait((behaviour as { readonly afterMs: number }).afterMs, deadline);
        if (told instanceof Error) throw told;
        return told as Answer;
      });
    } catch (error) {
      throw signal?.aborted === true ? new SfuError("aborted", "was given up") : error;
    } finally {
      this.#underWay--;
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      signal.addEventListener("abort", cancel, { once: true });
    });
  }
}

export function refused(message = "refused the connection"): SfuError {
  return new SfuError("refused", message);
}

/** As the client reads an answer with this status. */
export function answered(status: number): SfuError {
  const failure: SfuFailure =
    status === 401 ? "unauthorized" : status >= 500 ? "status_5xx" : status >= 400 ? "status_4xx" : "garbage";
  return new SfuError(failure, `answered with status ${String(status)}`, status);
}
