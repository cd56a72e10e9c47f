import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { AttemptBounds, KeyCheck, SfuClient } from "./client.ts";
import type { NoteHealth } from "./health.ts";
import type { Registry } from "./registry.ts";
import type { Sfu, TrialBreakers, TrialVerdict } from "./sfu.ts";

export interface KeyCheckTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly client: SfuClient;
  readonly breakers: TrialBreakers;
  readonly noteHealth: NoteHealth;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** The side-effect-free checks of the keys (contract.md), and what follows from them. */
export interface KeyChecks {
  /** From a failed check until one that is passed, be the SFU down or have another key in between. */
  isInDoubt(sfu: Sfu): boolean;
  /**
   * Checks one now. One that fails makes the SFU `misconfigured`, one that is passed ends that.
   *
   * @returns null where the answer says nothing of the key that is in force
   * @throws {SfuError} where nobody answers
   */
  check(sfu: Sfu, bounds: AttemptBounds): Promise<KeyCheck | null>;
  /** As {@link KeyChecks.check} in the background, at most once an interval. */
  draw(sfu: Sfu): void;
  /** Makes a check the trial of a half-open breaker. */
  tryBreaker(sfu: Sfu): void;
}

/** Of one SFU. */
interface Checked {
  /** When it last was, on the clock's monotonic scale: a flood of odd requests must not become one of checks. */
  atMs: number;
  isUnderWay: boolean;
  isInDoubt: boolean;
}

export function createKeyChecks(initial: Config["health"], tools: KeyCheckTools): KeyChecks {
  const { clock, events, registry, client, breakers, noteHealth, signal } = tools;
  /** By address, of those that are in the registry: whoever has left must not be remembered by what comes in late. */
  const all = new Map<string, Checked>();

  const begin = ({ address }: Sfu): void => {
    all.set(address, { atMs: -Infinity, isUnderWay: false, isInDoubt: false });
  };
  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => all.delete(sfu.address));
  events.on("sfuChanged", ({ from, to }) => {
    const checked = all.get(to.address);
    // What was found of another key says nothing of this one.
    if (checked !== undefined && !from.key.equals(to.key)) checked.atMs = -Infinity;
  });
  for (const sfu of registry.all()) begin(sfu);

  let { intervalMs, timeoutMs } = initial;
  events.on("reconfigured", ({ to: { health } }) => ({ intervalMs, timeoutMs } = health));

  const check = async (sfu: Sfu, bounds: AttemptBounds): Promise<KeyCheck | null> => {
    const checked = all.get(sfu.address);
    if (checked === undefined) return null;
    checked.atMs = clock.monotonic();
    const result = await client.checkKey(sfu, bounds).catch((error: unknown) => {
      if (error instanceof SfuError && error.status !== null && error.status < 500) return null;
      throw error;
    });
    // It may have left meanwhile, or have been given another key.
    const isInForce = all.get(sfu.address) === checked && registry.get(sfu.address)?.key.equals(sfu.key) === true;
    if (result === null || !isInForce) return null;
    checked.isInDoubt = result !== "accepted";
    const { state } = registry.health(sfu);
    if (state === "expired") return result;
    if (result !== "accepted") noteHealth(sfu, "misconfigured", REASONS[result]);
    else {
      // A key that fits says nothing of what made the calls fail.
      if (state === "misconfigured") noteHealth(sfu, "healthy");
      breakers.pardon(sfu);
    }
    return result;
  };

  const decide = async (sfu: Sfu): Promise<TrialVerdict> => {
    try {
      const result = await check(sfu, { timeoutMs, signal });
      if (result === null) return "undecided";
      return result === "accepted" ? "fine" : "fault";
    } catch (error) {
      if (!(error instanceof SfuError)) throw error;
      return error.failure === "aborted" ? "undecided" : "fault";
    }
  };

  const reportAs =
    (where: string) =>
    (error: unknown): void => {
      if (!(error instanceof SfuError)) events.emit("unexpected", { where, error: toError(error) });
    };

  return {
    isInDoubt: (sfu) => all.get(sfu.address)?.isInDoubt ?? false,
    check,

    draw(sfu) {
      const checked = all.get(sfu.address);
      if (checked === undefined || checked.isUnderWay || clock.monotonic() - checked.atMs < intervalMs) return;
      checked.isUnderWay = true;
      check(sfu, { timeoutMs, signal })
        .then((result) => {
          // Answering 500 to everything, it may as well be sick, and is out either way.
          if (result === "refused or broken") breakers.trip(sfu);
        })
        .catch(reportAs("the key check"))
        .finally(() => (checked.isUnderWay = false));
    },

    tryBreaker(sfu) {
      breakers.trial(sfu, () => decide(sfu)).catch(reportAs("the trial"));
    },
  };
}

const REASONS = {
  refused: "refuses tokens signed with the key that the gateway has for it: a wrong key, or a clock that is off",
  "refused or broken": "answers 500 to its key check: a wrong key, a clock that is off, or it is broken",
} as const;
