import pLimit from "p-limit";
import type { Cancel, Clock, Random } from "../clock.ts";
import { SfuError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

/** Visits every SFU of the registry again and again, each at its own times. */
export interface Rounds {
  /**
   * Visits one ahead of its turn; where a visit is under way or waiting, that one will do.
   *
   * @returns whether this brought a visit about
   */
  now(sfu: Sfu): boolean;
  /** How long an interval is by now, in milliseconds: longer than it was set where the fleet is too large for that. */
  paceMs(): number;
  /** Goes on at another pace: who is waiting waits anew. The same interval again lets them wait on. */
  setInterval(intervalMs: number, firstWithinMs?: number): void;
  /** Aborts the visits under way; no other follows. */
  stop(): void;
}

export interface RoundsOptions {
  /** For error reports. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  /** Longer where the fleet is so large that it would take more than {@link RoundsOptions.mostASecond}. */
  readonly intervalMs: number;
  /** However large the fleet is, its visits must leave the processor to the calls. */
  readonly mostASecond: number;
  /** The same of first visits, where somebody is waiting for those; `mostASecond` unless it says otherwise. */
  readonly firstASecond?: number;
  /** How long the first visit may wait; `intervalMs` unless it is wanted sooner. */
  readonly firstWithinMs?: number;
  /** How many visits may be under way at a time. */
  readonly atATime: number;
  /**
   * Whether nobody need go there now: looked at again an interval later. It costs nothing and is not counted. Must not
   * throw; without it, nobody is passed by.
   */
  readonly passesBy?: (sfu: Sfu) => boolean;
  /**
   * When something else has last shown what a visit would, on the clock's monotonic scale: the next one is put off until as
   * late as it may come after that. Must not throw; without it, nothing else does.
   */
  readonly shownAtMs?: (sfu: Sfu) => number;
  /**
   * Must settle by itself, and soon once `signal` is aborted.
   *
   * @returns how soon the next visit is due, in milliseconds; null for the usual interval
   */
  readonly visit: (sfu: Sfu, signal: AbortSignal) => Promise<number | null>;
}

/** A visit is due 75 to 95 % of the interval after the one before has ended: SFUs drift apart, and none has to wait longer. */
const SOONEST = 0.75;
const SPREAD = 0.2;
const LATEST = SOONEST + SPREAD;

/**
 * Of a large fleet, visits that fall into the same step, in milliseconds, are begun together, at its beginning: what the
 * processor has at hand from one serves the next, and so each costs a half or a third.
 */
const STEP_MS = 100;

/** From so many visits in a step on, and where an interval has so many steps: it is to be kept to. */
const TOGETHER = 2;
const STEPS = 10;

interface Turn {
  /** The entry in force. */
  sfu: Sfu;
  cancel: Cancel;
  isUnderWay: boolean;
  /** Whether it was when its last turn came. */
  isPassedBy: boolean;
}

export function createRounds(options: RoundsOptions): Rounds {
  const { name, clock, random, events, registry, mostASecond, firstASecond = mostASecond, atATime, visit } = options;
  const { passesBy = () => false, shownAtMs = () => -Infinity } = options;
  let { intervalMs, firstWithinMs = Infinity } = options;
  const turns = new Map<string, Turn>();
  const limit = pLimit(atATime);
  const stopped = new AbortController();

  const wait = (turn: Turn, delayMs: number): void => {
    turn.cancel = clock.after(delayMs, () => come(turn));
  };

  /** As {@link wait}, but for the beginning of the step. */
  const waitInStep = (turn: Turn, delayMs: number): void => {
    const nowMs = clock.monotonic();
    const steps = paceMs() / STEP_MS;
    const isTogether = steps >= STEPS && (turns.size - passedBy) / steps >= TOGETHER;
    const atMs = isTogether ? Math.floor((nowMs + delayMs) / STEP_MS) * STEP_MS : nowMs + delayMs;
    wait(turn, Math.max(0, atMs - nowMs));
  };

  const spread = (ms: number): number => ms * (SOONEST + SPREAD * random());

  /** When the last of those has its visit who had been passed by before. */
  let lastMs = -Infinity;

  const come = (turn: Turn): void => {
    const wasPassedBy = turn.isPassedBy;
    setPassedBy(turn, passesBy(turn.sfu));
    const nowMs = clock.monotonic();
    if (turn.isPassedBy) wait(turn, spread(intervalMs));
    else if (wasPassedBy) {
      // Of a large fleet thousands may be passed by no more from one interval to the next.
      lastMs = Math.max(nowMs, lastMs + 1000 / mostASecond);
      if (lastMs > nowMs) wait(turn, lastMs - nowMs);
      else go(turn);
    } else {
      const leftMs = shownAtMs(turn.sfu) + LATEST * paceMs() - nowMs;
      // Whoever has waited for the beginning of a step has waited long enough.
      if (leftMs >= STEP_MS) waitInStep(turn, leftMs);
      else go(turn);
    }
  };

  const go = (turn: Turn): void => {
    setPassedBy(turn, false);
    turn.isUnderWay = true;
    limit(() => (isHere(turn) ? visit(turn.sfu, stopped.signal) : null))
      .catch((error: unknown) => {
        // The end of a visit that was given up is no news.
        if (!stopped.signal.aborted) events.emit("unexpected", { where: name, error: toError(error) });
        return null;
      })
      .then((next) => {
        turn.isUnderWay = false;
        if (!isHere(turn)) return;
        if (next === null) waitInStep(turn, spread(paceMs()));
        else wait(turn, next);
      })
      .catch((error: unknown) => events.emit("unexpected", { where: name, error: toError(error) }));
  };

  /** How many of the turns cost nothing. */
  let passedBy = 0;
  const setPassedBy = (turn: Turn, isPassedBy: boolean): void => {
    if (turn.isPassedBy !== isPassedBy) passedBy += isPassedBy ? 1 : -1;
    turn.isPassedBy = isPassedBy;
  };
  const shortestMs = (aSecond = mostASecond): number => ((turns.size - passedBy) / aSecond) * 1000;
  const paceMs = (): number => Math.max(intervalMs, shortestMs());

  const isHere = (turn: Turn): boolean => turns.get(turn.sfu.address) === turn;

  const begin = (sfu: Sfu): void => {
    const turn: Turn = { sfu, cancel: () => undefined, isUnderWay: false, isPassedBy: false };
    turns.set(sfu.address, turn);
    waitInStep(turn, random() * Math.max(Math.min(intervalMs, firstWithinMs), shortestMs(firstASecond)));
  };

  const forget = (address: string): void => {
    const turn = turns.get(address);
    if (turn === undefined) return;
    turn.cancel();
    setPassedBy(turn, false);
    turns.delete(address);
  };

  events.on("sfuAdded", ({ sfu }) => {
    if (!stopped.signal.aborted) begin(sfu);
  });
  events.on("sfuChanged", ({ to }) => {
    const turn = turns.get(to.address);
    if (turn !== undefined) turn.sfu = to;
  });
  events.on("sfuRemoved", ({ sfu }) => forget(sfu.address));
  for (const sfu of registry.all()) begin(sfu);

  return {
    now(sfu) {
      const turn = turns.get(sfu.address);
      if (turn === undefined || turn.isUnderWay || passesBy(turn.sfu)) return false;
      turn.cancel();
      go(turn);
      return true;
    },
    paceMs,
    setInterval(nextMs, firstMs = Infinity) {
      firstWithinMs = firstMs;
      if (nextMs === intervalMs) return;
      intervalMs = nextMs;
      for (const turn of turns.values()) {
        if (turn.isUnderWay) continue;
        turn.cancel();
        waitInStep(turn, random() * paceMs());
      }
    },
    stop() {
      for (const address of [...turns.keys()]) forget(address);
      stopped.abort(new SfuError("aborted", "the gateway is closing"));
    },
  };
}
