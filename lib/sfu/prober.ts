import { type Clock, isLate, type Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError, toError } from "../errors.ts";
import type { EventMap, Events } from "../events.ts";
import type { AttemptBounds, KeyCheck, SfuClient } from "./client.ts";
import type { Registry } from "./registry.ts";
import { createRounds } from "./rounds.ts";
import type { BreakerState, Health, Sfu } from "./sfu.ts";

/** What a key check shows of an SFU whose breaker is half-open; `undecided` leaves the trial to a call. */
export type TrialVerdict = "fine" | "fault" | "undecided";

export interface ProberTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  readonly client: SfuClient;
  readonly breakers: {
    state(sfu: Sfu): BreakerState;
    /** Lets `check` decide on a half-open breaker, and no call meanwhile. */
    trial(sfu: Sfu, check: () => Promise<TrialVerdict>): Promise<void>;
    /** Opens a closed breaker. */
    trip(sfu: Sfu): void;
    /** Closes one that was tripped, until a call fails. */
    pardon(sfu: Sfu): void;
  };
}

/** What the probes and the calls have shown of one SFU. Times are on the clock's monotonic scale. */
interface Findings {
  /** Probes in a row that failed, or did not. */
  failures: number;
  successes: number;
  /** When a call last failed by the SFU's fault. */
  faultAtMs: number;
  /** When such a call last drew a probe. */
  drawnAtMs: number;
  /** When its key was last checked: a flood of odd requests must not become one of checks. */
  keyCheckedAtMs: number;
  isKeyBeingChecked: boolean;
  /** From a failed key check until one that is passed, be it down or have another key in between. */
  isKeyInDoubt: boolean;
}

/** Enough for a fleet of 1,000 half of which hangs; a healthy one takes one or two. */
const AT_A_TIME = 512;

/** 1,000 SFUs at the default interval; a probe costs about a quarter of a millisecond. */
const MOST_A_SECOND = 500;

/** What the far side of the earth may need for an answer over a new connection, in milliseconds. */
const FARTHEST_MS = 250;

/**
 * Knows how the SFUs are. From three sides:
 *
 * - **Probes**: `/v1/noop` of each at every interval. So many failures in a row take it out (`down`), so many successes
 *   bring it back. After a first failure the next probe comes sooner, so that a dead SFU is out within two intervals,
 *   and a failed call draws a probe at once. Where calls have failed, too, its breaker opens with it.
 * - **Calls**: one that is served is the best sign of life there is. One that fails by the SFU's fault makes it
 *   `failing`, and no probe takes that back while its breaker remembers it: noop answers even where the media worker
 *   hangs (contract.md).
 * - **Key checks**, which have no side effect (contract.md): drawn by an answer that may mean a wrong key (401, and
 *   odoo/sfu's 500), for the answer alone could as well be the request's fault. An SFU that fails one is
 *   `misconfigured` until it passes one, and is probed by them. They are also the trial of a half-open breaker, ahead of
 *   anybody's call.
 *
 * @returns what stops it
 */
export function createProber(settings: Config["health"], breakerWindowMs: number, tools: ProberTools): () => void {
  const { clock, random, events, registry, client, breakers } = tools;
  const { intervalMs, timeoutMs, unhealthyAfter, healthyAfter } = settings;
  const stopped = new AbortController();
  const bounds = { timeoutMs, signal: stopped.signal };
  const probeBounds = { timeoutMs: probeTimeoutMs(settings), signal: stopped.signal };
  /** From the beginning of a probe that failed to the next: all that it takes fit into half an interval. */
  const confirmAfterMs = intervalMs / (2 * unhealthyAfter);
  /** By address, of those that are in the registry: whoever has left must not be remembered by what comes in late. */
  const findings = new Map<string, Findings>();

  const begin = ({ address }: Sfu): void => {
    findings.set(address, {
      failures: 0,
      successes: 0,
      faultAtMs: -Infinity,
      drawnAtMs: -Infinity,
      keyCheckedAtMs: -Infinity,
      isKeyBeingChecked: false,
      isKeyInDoubt: false,
    });
  };

  const stateOf = (sfu: Sfu): Health["state"] => registry.health(sfu).state;

  /** «Since» stays where nothing has changed. */
  const setHealth = (sfu: Sfu, state: "healthy" | "failing" | "down" | "misconfigured", reason = ""): void => {
    const current = registry.health(sfu);
    if (current.state === state && (!("reason" in current) || current.reason === reason)) return;
    const sinceMs = current.state === state ? current.sinceMs : clock.now();
    registry.setHealth(sfu, state === "healthy" ? { state, sinceMs } : { state, sinceMs, reason });
  };

  const remembersFaults = (sfu: Sfu, { faultAtMs }: Findings): boolean =>
    breakers.state(sfu) !== "closed" || clock.monotonic() - faultAtMs < breakerWindowMs;

  const succeeded = (sfu: Sfu, found: Findings): void => {
    found.failures = 0;
    found.successes++;
    switch (stateOf(sfu)) {
      case "unknown":
        setHealth(sfu, "healthy");
        break;
      case "down":
        if (found.successes < healthyAfter) break;
        setHealth(sfu, "healthy");
        // It need not wait for the reset time, if it knows its key.
        if (breakers.state(sfu) === "open") drawKeyCheck(sfu, found);
        break;
      case "failing":
        if (!remembersFaults(sfu, found)) setHealth(sfu, "healthy");
        break;
      case "healthy":
      case "misconfigured":
      case "expired":
    }
  };

  /** @returns whether the next probe has something to confirm */
  const failed = (sfu: Sfu, found: Findings, { message }: SfuError): boolean => {
    found.successes = 0;
    found.failures++;
    const state = stateOf(sfu);
    if (state === "expired") return false;
    if (found.failures >= unhealthyAfter) {
      // Its calls have failed, and with nobody calling any more its breaker would never hear the rest of it.
      if (clock.monotonic() - found.faultAtMs < breakerWindowMs) breakers.trip(sfu);
      setHealth(sfu, "down", message);
      return false;
    }
    if (state === "unknown" || state === "healthy") setHealth(sfu, "failing", message);
    return state !== "down";
  };

  /** @returns how soon the next one shall come, null for the usual time */
  const probe = async (sfu: Sfu): Promise<number | null> => {
    const found = findings.get(sfu.address);
    // Whether one that has expired is back is for its heartbeats to say.
    if (found === undefined || stateOf(sfu) === "expired") return null;
    const startedMs = clock.monotonic();
    const error = await (found.isKeyInDoubt ? checkKey(sfu, found, probeBounds) : askNoop(sfu)).then(
      () => null,
      onlySfuErrors,
    );
    if (findings.get(sfu.address) !== found || error?.failure === "aborted") return null;
    // A gateway that was itself late, or stopped, has not seen whether anybody answered.
    if (error?.failure === "timeout" && isLate(clock.monotonic() - startedMs, probeBounds.timeoutMs)) return 0;
    if (error === null) {
      succeeded(sfu, found);
      return null;
    }
    if (!failed(sfu, found, error)) return null;
    return Math.max(0, confirmAfterMs - (clock.monotonic() - startedMs));
  };

  /** @throws {SfuError} where nobody answers */
  const askNoop = async (sfu: Sfu): Promise<void> => {
    try {
      await client.noop(sfu, probeBounds);
    } catch (error) {
      // Something answers, and whether it serves calls is for the calls to find out: an edge may let nothing else pass.
      if (error instanceof SfuError && error.status !== null && error.status < 500) return;
      throw error;
    }
  };

  /**
   * @returns null where the answer says nothing of the key that is in force
   * @throws {SfuError} where nobody answers
   */
  const checkKey = async (sfu: Sfu, found: Findings, within: AttemptBounds): Promise<KeyCheck | null> => {
    found.keyCheckedAtMs = clock.monotonic();
    const result = await client.checkKey(sfu, within).catch((error: unknown) => {
      if (error instanceof SfuError && error.status !== null && error.status < 500) return null;
      throw error;
    });
    // It may have left meanwhile, or have been given another key.
    const isInForce = findings.get(sfu.address) === found && registry.get(sfu.address)?.key.equals(sfu.key) === true;
    if (result === null || !isInForce) return null;
    found.isKeyInDoubt = result !== "accepted";
    if (stateOf(sfu) === "expired") return result;
    if (result !== "accepted") setHealth(sfu, "misconfigured", REASONS[result]);
    else {
      // A key that fits says nothing of what made the calls fail.
      if (stateOf(sfu) === "misconfigured") setHealth(sfu, "healthy");
      breakers.pardon(sfu);
    }
    return result;
  };

  const drawKeyCheck = (sfu: Sfu, found: Findings): void => {
    if (found.isKeyBeingChecked || clock.monotonic() - found.keyCheckedAtMs < intervalMs) return;
    found.isKeyBeingChecked = true;
    checkKey(sfu, found, bounds)
      .then((result) => {
        // Answering 500 to everything, it may as well be sick, and is out either way.
        if (result === "refused or broken") breakers.trip(sfu);
      }, onlySfuErrors)
      .catch((error: unknown) => events.emit("unexpected", { where: "the key check", error: toError(error) }))
      .finally(() => (found.isKeyBeingChecked = false));
  };

  const tryBreaker = (sfu: Sfu, found: Findings): void => {
    const check = async (): Promise<TrialVerdict> => {
      try {
        const result = await checkKey(sfu, found, bounds);
        if (result === null) return "undecided";
        return result === "accepted" ? "fine" : "fault";
      } catch (error) {
        return onlySfuErrors(error).failure === "aborted" ? "undecided" : "fault";
      }
    };
    breakers
      .trial(sfu, check)
      .catch((error: unknown) => events.emit("unexpected", { where: "the trial", error: toError(error) }));
  };

  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => findings.delete(sfu.address));
  for (const sfu of registry.all()) begin(sfu);

  const rounds = createRounds({
    name: "the prober",
    clock,
    random,
    events,
    registry,
    intervalMs,
    mostASecond: MOST_A_SECOND,
    atATime: AT_A_TIME,
    visit: probe,
  });

  const drawProbe = (sfu: Sfu, found: Findings): void => {
    // Where calls fail and noop answers all the same, many faults must not become as many probes.
    if (found.failures === 0 && clock.monotonic() - found.drawnAtMs < confirmAfterMs) return;
    if (rounds.now(sfu)) found.drawnAtMs = clock.monotonic();
  };

  /** Of an SFU that is here, as it is in force now; until the prober is stopped. */
  const on = <Name extends "attempt" | "fault" | "breaker" | "health">(
    name: Name,
    learn: (event: EventMap[Name], sfu: Sfu, found: Findings) => void,
  ): void =>
    events.on(name, (event) => {
      const sfu = registry.get(event.sfu.address);
      const found = findings.get(event.sfu.address);
      if (sfu !== null && found !== undefined && !stopped.signal.aborted) learn(event, sfu, found);
    });

  on("attempt", ({ error }, sfu, found) => {
    if (error === null) {
      found.failures = 0;
      found.faultAtMs = -Infinity;
      if (!OTHERS_SAY.includes(stateOf(sfu))) setHealth(sfu, "healthy");
    } else if (error.status === 401 || error.status === 500) drawKeyCheck(sfu, found);
  });
  on("fault", ({ error }, sfu, found) => {
    found.faultAtMs = clock.monotonic();
    // It is out already.
    if (stateOf(sfu) === "down" || OTHERS_SAY.includes(stateOf(sfu))) return;
    setHealth(sfu, "failing", error.message);
    drawProbe(sfu, found);
  });
  on("breaker", ({ to }, sfu, found) => {
    if (to === "half_open") tryBreaker(sfu, found);
    if (to !== "closed") return;
    // The calls that had opened it are answered for.
    found.faultAtMs = -Infinity;
    if (stateOf(sfu) === "failing") setHealth(sfu, "healthy");
  });
  on("health", ({ to }, _, found) => {
    // It may have signed off: what it answered before counts no more.
    if (to.state === "down") found.successes = 0;
  });
  events.on("sfuChanged", ({ from, to }) => {
    const found = findings.get(to.address);
    if (found === undefined || from.key.equals(to.key)) return;
    found.keyCheckedAtMs = -Infinity;
    if (found.isKeyInDoubt) rounds.now(to);
  });

  return () => {
    stopped.abort(new SfuError("aborted", "the gateway is closing"));
    rounds.stop();
  };
}

/** What no call takes back: only a key check does, or a heartbeat. */
const OTHERS_SAY: readonly Health["state"][] = ["misconfigured", "expired"];

const REASONS = {
  refused: "refuses tokens signed with the key that the gateway has for it: a wrong key, or a clock that is off",
  "refused or broken": "answers 500 to its key check: a wrong key, a clock that is off, or it is broken",
} as const;

/**
 * So many probes in a row must fit into one interval, that a dead SFU is out within two, however patient the operator is
 * with a single one; short of asking the impossible of an SFU that is far away.
 */
function probeTimeoutMs({ intervalMs, timeoutMs, unhealthyAfter }: Config["health"]): number {
  return Math.min(timeoutMs, Math.max(intervalMs / unhealthyAfter, Math.min(intervalMs / 2, FARTHEST_MS)));
}

function onlySfuErrors(error: unknown): SfuError {
  if (error instanceof SfuError) return error;
  throw error;
}
