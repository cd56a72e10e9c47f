import { type Clock, isLate, type Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError } from "../errors.ts";
import type { EventMap, Events } from "../events.ts";
import type { Store } from "../store/store.ts";
import type { AttemptBounds, SfuClient } from "./client.ts";
import { createHealthNotes } from "./health.ts";
import { createHints } from "./hints.ts";
import { createKeyChecks } from "./key-checks.ts";
import type { Registry } from "./registry.ts";
import { createRounds } from "./rounds.ts";
import type { Health, Sfu, TrialBreakers } from "./sfu.ts";
import { createShares } from "./shares.ts";
import type { StatsReader } from "./stats-reader.ts";

export interface ProberTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  readonly client: SfuClient;
  readonly breakers: TrialBreakers;
  /** For how long on end the gateway has been too busy to hear an answer since `sinceMs`, at the most; 0 without it. */
  readonly lagSince?: (sinceMs: number) => number;
  /** Who goes to the same SFUs for their statistics; nobody without it. */
  readonly readings?: Pick<StatsReader, "answeredAtMs" | "readIfDue">;
  /** What it shares with other gateways that probe the same SFUs. */
  readonly store: Pick<Store, "instance" | "instances" | "notices">;
}

export type ProberSettings = Pick<Config, "health" | "breaker">;

/** What the probes and the calls have shown of one SFU. Times are on the clock's monotonic scale. */
interface Findings {
  /** Probes in a row that failed, or did not. */
  failures: number;
  successes: number;
  /** When a call was last served. */
  servedAtMs: number;
  /** When a call last failed by the SFU's fault. */
  faultAtMs: number;
  /** When such a call last drew a probe. */
  drawnAtMs: number;
  /** Whether probes have brought it back, and its breaker has yet to close. */
  isBack: boolean;
  /** Until when it may be left to another gateway. */
  leftUntilMs: number;
}

/** Enough for a fleet of 1,000 half of which hangs; a healthy one takes one or two. */
const AT_A_TIME = 512;

/** 300 SFUs at the default interval: a few hundredths of a processor (docs/performance.md), however large the fleet is. */
export const MOST_A_SECOND = 150;

/** Of a fleet that nobody knows yet: for a moment that is worth more of the processor. */
const FIRST_A_SECOND = 500;

/**
 * A visit may read the statistics where it comes so many times more seldom than it is set: if nobody answers, there is
 * still time to probe, and to have that confirmed, within two of those longer intervals.
 */
const SELDOM = 1.5;

/**
 * For so many intervals, give or take half of it, an SFU that is well is left to the gateway whose share it is. Then one sees
 * for oneself: that one may not get there any more, or this one.
 */
const LEFT_FOR = 10;

/** What the far side of the earth may need for an answer over a new connection, in milliseconds. */
const FARTHEST_MS = 250;

/**
 * Knows how the SFUs are. From three sides:
 *
 * - **Probes**: `/v1/noop` of each, an interval after it was last seen alive: by a probe, a call that it served, or a reading
 *   of its statistics, which in a large fleet takes the place of a probe. So many failures in a row take it out (`down`), so
 *   many successes bring it back. After a first failure the next probe comes sooner, so that a dead SFU is out within two intervals,
 *   and a failed call draws a probe at once. Where calls have failed, too, its breaker opens with it.
 * - **Calls**: one that is served is the best sign of life there is. One that fails by the SFU's fault makes it
 *   `failing`, and no probe takes that back while its breaker remembers it: noop answers even where the media worker
 *   hangs (contract.md).
 * - **Key checks**, which have no side effect (contract.md): drawn by an answer that may mean a wrong key (401, and
 *   odoo/sfu's 500), for the answer alone could as well be the request's fault. An SFU that fails one is
 *   `misconfigured` until it passes one, and is probed by them. They are also the trial of a half-open breaker, ahead of
 *   anybody's call.
 *
 * Where gateways share a store, an SFU that is well is probed by one of them alone. The others look for themselves as soon as it
 * is not well here, somebody tells of trouble, or much time has passed; and a gateway that has heard of another's open
 * breaker opens its own by the first fault.
 *
 * @returns what stops it
 */
export function createProber(initial: ProberSettings, tools: ProberTools): () => void {
  const { clock, random, events, registry, client, breakers, store, readings, lagSince = () => 0 } = tools;
  let { intervalMs, unhealthyAfter, healthyAfter, timeoutMs, confirmAfterMs, breakerWindowMs } = paceOf(initial);
  const stopped = new AbortController();
  const noteHealth = createHealthNotes(clock, registry);
  const { signal } = stopped;
  const keyChecks = createKeyChecks(initial.health, { clock, events, registry, client, breakers, noteHealth, signal });
  /** By address, of those that are in the registry: whoever has left must not be remembered by what comes in late. */
  const findings = new Map<string, Findings>();

  const begin = ({ address }: Sfu): void => {
    findings.set(address, {
      failures: 0,
      successes: 0,
      servedAtMs: -Infinity,
      faultAtMs: -Infinity,
      drawnAtMs: -Infinity,
      isBack: false,
      leftUntilMs: -Infinity,
    });
  };

  const stateOf = (sfu: Sfu): Health["state"] => registry.health(sfu).state;

  const remembersFaults = (sfu: Sfu, { faultAtMs }: Findings): boolean =>
    breakers.state(sfu) !== "closed" || clock.monotonic() - faultAtMs < breakerWindowMs;

  const succeeded = (sfu: Sfu, found: Findings): void => {
    found.failures = 0;
    found.successes++;
    switch (stateOf(sfu)) {
      case "unknown":
        noteHealth(sfu, "healthy");
        break;
      case "down":
        if (found.successes < healthyAfter) break;
        noteHealth(sfu, "healthy");
        found.isBack = true;
        break;
      case "failing":
        if (!remembersFaults(sfu, found)) noteHealth(sfu, "healthy");
        break;
      case "healthy":
      case "misconfigured":
      case "expired":
    }
    // It need not wait for the reset time, if it knows its key; that may have been checked too lately to be again.
    if (found.isBack && breakers.state(sfu) === "open") keyChecks.draw(sfu);
  };

  /** @returns whether the next probe has something to confirm */
  const failed = (sfu: Sfu, found: Findings, { message }: SfuError): boolean => {
    found.successes = 0;
    found.failures++;
    const state = stateOf(sfu);
    if (state === "expired") return false;
    hints.probeFailed(sfu);
    if (found.failures >= unhealthyAfter) {
      // Its calls have failed, and with nobody calling any more its breaker would never hear the rest of it.
      if (clock.monotonic() - found.faultAtMs < breakerWindowMs) breakers.trip(sfu);
      noteHealth(sfu, "down", message);
      return false;
    }
    if (state === "unknown" || state === "healthy") noteHealth(sfu, "failing", message);
    return state !== "down";
  };

  /** @returns how soon the next one shall come, null for the usual time */
  const probe = async (sfu: Sfu): Promise<number | null> => {
    const found = findings.get(sfu.address);
    // Whether one that has expired is back is for its heartbeats to say.
    if (found === undefined || stateOf(sfu) === "expired") return null;
    const bounds = { timeoutMs, signal };
    const mayRead = rounds.paceMs() >= SELDOM * intervalMs && isWell(sfu);
    hints.answer(sfu);
    found.leftUntilMs = clock.monotonic() + LEFT_FOR * rounds.paceMs() * (0.5 + random());
    if (mayRead && (await readings?.readIfDue(sfu, bounds)) === true) return null;
    const startedMs = clock.monotonic();
    const isInDoubt = keyChecks.isInDoubt(sfu);
    const error = await (isInDoubt ? keyChecks.check(sfu, bounds) : askNoop(sfu, bounds)).then(
      () => null,
      onlySfuErrors,
    );
    if (findings.get(sfu.address) !== found || error?.failure === "aborted") return null;
    // What it says to another key is no answer.
    if (isInDoubt && registry.get(sfu.address)?.key.equals(sfu.key) !== true) return 0;
    // A gateway that was itself late, or stopped, has not seen whether anybody answered.
    const tookMs = clock.monotonic() - startedMs;
    if (error?.failure === "timeout" && isLate(tookMs + lagSince(startedMs), bounds.timeoutMs)) return 0;
    if (error === null) {
      succeeded(sfu, found);
      return null;
    }
    if (!failed(sfu, found, error)) return null;
    return Math.max(0, confirmAfterMs - (clock.monotonic() - startedMs));
  };

  /** @throws {SfuError} where nobody answers */
  const askNoop = async (sfu: Sfu, bounds: AttemptBounds): Promise<void> => {
    try {
      await client.noop(sfu, bounds);
    } catch (error) {
      // Something answers, and whether it serves calls is for the calls to find out: an edge may let nothing else pass.
      if (error instanceof SfuError && error.status !== null && error.status < 500) return;
      throw error;
    }
  };

  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => findings.delete(sfu.address));
  for (const sfu of registry.all()) begin(sfu);

  const isMine = createShares(store);
  const isWell = (sfu: Sfu): boolean =>
    stateOf(sfu) === "healthy" && breakers.state(sfu) === "closed" && !hints.isOpen(sfu) && !hints.isSuspect(sfu);
  const isLeftToOthers = (sfu: Sfu): boolean =>
    isWell(sfu) && clock.monotonic() < (findings.get(sfu.address)?.leftUntilMs ?? -Infinity) && !isMine(sfu);

  /** What is not well is looked at all the same: a call and a reading show less of what is wrong with it. */
  const aliveAtMs = (sfu: Sfu): number =>
    isWell(sfu)
      ? Math.max(findings.get(sfu.address)?.servedAtMs ?? -Infinity, readings?.answeredAtMs(sfu) ?? -Infinity)
      : -Infinity;

  const rounds = createRounds({
    name: "the prober",
    clock,
    random,
    events,
    registry,
    intervalMs: initial.health.intervalMs,
    mostASecond: MOST_A_SECOND,
    firstASecond: FIRST_A_SECOND,
    atATime: AT_A_TIME,
    passesBy: isLeftToOthers,
    shownAtMs: aliveAtMs,
    visit: probe,
  });

  events.on("reconfigured", ({ to }) => {
    ({ intervalMs, unhealthyAfter, healthyAfter, timeoutMs, confirmAfterMs, breakerWindowMs } = paceOf(to));
    rounds.setInterval(intervalMs);
  });

  /** @returns whether it is probed */
  const drawProbe = (sfu: Sfu, found: Findings): boolean => {
    // Where calls fail and noop answers all the same, many faults must not become as many probes.
    if (found.failures === 0 && clock.monotonic() - found.drawnAtMs < confirmAfterMs) return false;
    const isDrawn = rounds.now(sfu);
    if (isDrawn) found.drawnAtMs = clock.monotonic();
    return isDrawn;
  };

  const hints = createHints(initial, {
    clock,
    events,
    registry,
    store,
    look(sfu) {
      const found = findings.get(sfu.address);
      return found !== undefined && !signal.aborted && drawProbe(sfu, found);
    },
  });

  /** Of an SFU that is here, as it is in force now; until the prober is stopped. */
  const on = <Name extends "attempt" | "fault" | "breaker" | "health">(
    name: Name,
    learn: (event: EventMap[Name], sfu: Sfu, found: Findings) => void,
  ): void =>
    events.on(name, (event) => {
      const sfu = registry.get(event.sfu.address);
      const found = findings.get(event.sfu.address);
      if (sfu !== null && found !== undefined && !signal.aborted) learn(event, sfu, found);
    });

  on("attempt", ({ error }, sfu, found) => {
    if (error === null) {
      found.failures = 0;
      found.servedAtMs = clock.monotonic();
      found.faultAtMs = -Infinity;
      if (!OTHERS_SAY.includes(stateOf(sfu))) noteHealth(sfu, "healthy");
    } else if (error.status === 401 || error.status === 500) keyChecks.draw(sfu);
  });
  on("fault", ({ error }, sfu, found) => {
    found.faultAtMs = clock.monotonic();
    // It is out already.
    if (stateOf(sfu) === "down" || OTHERS_SAY.includes(stateOf(sfu))) return;
    noteHealth(sfu, "failing", error.message);
    if (hints.isSuspect(sfu)) breakers.trip(sfu);
    drawProbe(sfu, found);
  });
  on("breaker", ({ to }, sfu, found) => {
    if (to === "half_open") keyChecks.tryBreaker(sfu);
    if (to !== "closed") return;
    // The calls that had opened it are answered for.
    found.faultAtMs = -Infinity;
    found.isBack = false;
    if (stateOf(sfu) === "failing") noteHealth(sfu, "healthy");
  });
  on("health", ({ to }, _, found) => {
    // It may have signed off: what it answered before counts no more.
    if (to.state !== "down") return;
    found.successes = 0;
    found.isBack = false;
  });
  events.on("sfuChanged", ({ from, to }) => {
    if (keyChecks.isInDoubt(to) && !from.key.equals(to.key)) rounds.now(to);
  });

  return () => {
    stopped.abort(new SfuError("aborted", "the gateway is closing"));
    rounds.stop();
  };
}

interface Pace {
  readonly intervalMs: number;
  /** Probes in a row. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  /** Of one probe. */
  readonly timeoutMs: number;
  /** From the beginning of a probe that failed to the next: all that it takes fit into half an interval. */
  readonly confirmAfterMs: number;
  /** How long a breaker remembers what a call has shown. */
  readonly breakerWindowMs: number;
}

function paceOf({ health, breaker }: ProberSettings): Pace {
  const { intervalMs, unhealthyAfter, healthyAfter } = health;
  return {
    intervalMs,
    unhealthyAfter,
    healthyAfter,
    timeoutMs: probeTimeoutMs(health),
    confirmAfterMs: intervalMs / (2 * unhealthyAfter),
    breakerWindowMs: breaker.windowMs,
  };
}

/** What no call takes back: only a key check does, or a heartbeat. */
const OTHERS_SAY: readonly Health["state"][] = ["misconfigured", "expired"];

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
