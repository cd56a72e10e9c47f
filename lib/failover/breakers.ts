import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Cancel, Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Admission, BreakerState, Sfu, TrialVerdict } from "../sfu/sfu.ts";

/**
 * What a failed attempt says about the SFU: `nothing` where nothing could be seen, as when the caller hung up. (opossum
 * knows failures and all else that was begun, so while a breaker is closed `nothing` counts like `fine`.)
 */
export type Verdict = "fine" | "fault" | "nothing";

/** The breaker let nothing through; the SFU was not asked. */
export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";

  constructor({ address }: Sfu) {
    super(`the breaker of ${address} is open, or another call is trying it`);
  }
}

export interface RunOptions {
  /** What a failure means for the breaker. It may take its time: the result is handed on at once. */
  readonly verdictOf: (error: Error) => Verdict | Promise<Verdict>;
  /**
   * Asks the SFU of an open breaker too, for there is nobody else; unless somebody is trying it, see
   * {@link Breakers.mayBeTried}. Where it serves, the breaker closes.
   */
  readonly asLastResort?: boolean;
}

/**
 * One circuit breaker an SFU, made when it is first needed and dropped with its SFU. After the reset time it is
 * half-open: a key check is its trial, or one call where none has decided it. A key check shows less than a call (the
 * media worker may hang all the same), so an SFU that passes it is on probation: one new conference at a time, and the
 * first fault opens the breaker again, until a call has gone through.
 */
export interface Breakers {
  state(sfu: Sfu): BreakerState;
  admits(sfu: Sfu): Admission;
  /** Whether nobody is trying the SFU now, as a trial or a last resort: one call at a time may, whatever the state. */
  mayBeTried(sfu: Sfu): boolean;
  /** Resolves when nobody is, which may be at once. */
  tried(sfu: Sfu): Promise<void>;
  /**
   * Runs `task`, which must settle by itself: a half-open breaker waits for its trial.
   *
   * @throws {BreakerOpenError} where `task` was not run; else whatever `task` throws
   */
  run<T>(sfu: Sfu, task: () => Promise<T>, options: RunOptions): Promise<T>;
  /**
   * Lets `check` decide on a half-open breaker, and no call meanwhile. Does nothing in any other state, and while a last
   * resort that began before is under way: that one decides.
   */
  trial(sfu: Sfu, check: () => Promise<TrialVerdict>): Promise<void>;
  /**
   * Opens a closed breaker ahead of its threshold: a call has failed, and a probe has shown that it is the SFU. Where calls
   * have opened it by then, it counts as tripped all the same.
   */
  trip(sfu: Sfu): void;
  /**
   * Closes a breaker that was tripped ahead of its reset time, on probation: a key check has passed. What calls alone have
   * opened stays open.
   */
  pardon(sfu: Sfu): void;
  close(): void;
}

/** The window moves on by a tenth of its length at a time. */
const BUCKETS = 10;

/** opossum opens above its threshold; an operator who writes 50 means that half is too many. */
const AT_THE_THRESHOLD = 1e-9;

/**
 * So many faults in a row, and twice the minimum of requests, open it whatever the window holds: a busy SFU that has just died
 * would else get seconds of calls before its failures outweigh what it served when it was well. One that serves half of its
 * calls has such a row once in a thousand.
 */
const SURE = 10;

type Task = () => Promise<void>;

interface Entry {
  sfu: Sfu;
  /** What opossum goes by. */
  readonly options: object;
  readonly breaker: CircuitBreaker<[Task], void>;
  readonly rotation: EventEmitter;
  known: BreakerState;
  /** Counts how often it has opened: what began before it did has no say in what comes after. */
  era: number;
  /** Trials, last resorts and, on probation, calls under way that began in this era. */
  trying: number;
  /** Since a call went well, with less than a window between them. */
  faultsInARow: number;
  lastFaultMs: number;
  /** Those who wait until nobody is trying. */
  readonly waiting: (() => void)[];
  /** Whether a key check alone has closed it. */
  isOnProbation: boolean;
  /** Whether probes have failed, too, when it was opened or since, and it has not closed again. */
  isTripped: boolean;
}

export function createBreakers(initial: Config["breaker"], clock: Clock, events: Events): Breakers {
  const entries = new Map<string, Entry>();
  let settings = initial;

  const entryOf = (sfu: Sfu): Entry => {
    const present = entries.get(sfu.address);
    if (present !== undefined) return present;
    const rotation = new EventEmitter();
    const options = {
      name: sfu.address,
      timeout: false as const,
      ...adjustable(settings),
      rollingCountBuckets: BUCKETS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation,
    };
    const breaker = new CircuitBreaker<[Task], void>((task) => task(), options);
    // The one setting that it takes only once.
    Object.defineProperty(breaker, "volumeThreshold", { get: () => settings.minimumRequests });
    const entry: Entry = {
      sfu,
      options,
      breaker,
      rotation,
      known: "closed",
      era: 0,
      trying: 0,
      faultsInARow: 0,
      lastFaultMs: -Infinity,
      waiting: [],
      isOnProbation: false,
      isTripped: false,
    };
    const moved = (to: BreakerState) => () => {
      const from = entry.known;
      entry.known = to;
      events.emit("breaker", { sfu: entry.sfu, from, to });
    };
    breaker.on("open", () => beginEra(entry));
    breaker.on("open", moved("open"));
    breaker.on("halfOpen", moved("half_open"));
    // The failures that opened it are forgiven, else the first new one would open it again.
    breaker.on("close", () => forget(rotation));
    breaker.on("close", () => (entry.isTripped = false));
    breaker.on("close", moved("closed"));
    entries.set(sfu.address, entry);
    return entry;
  };

  const rotate = (): Cancel =>
    clock.every(Math.max(1, settings.windowMs / BUCKETS), () => {
      for (const { rotation } of entries.values()) rotation.emit("rotate");
    });
  let stopRotating = rotate();

  let isClosed = false;
  events.on("reconfigured", ({ to }) => {
    const { windowMs } = settings;
    settings = to.breaker;
    // It keeps this object and reads it at each use; an open one waits for the reset time that it began with.
    for (const { options } of entries.values()) Object.assign(options, adjustable(settings));
    if (isClosed || settings.windowMs === windowMs) return;
    stopRotating();
    stopRotating = rotate();
  });

  const drop = (entry: Entry): void => {
    beginEra(entry);
    entry.breaker.shutdown();
    entries.delete(entry.sfu.address);
  };

  events.on("sfuChanged", ({ to }) => {
    const entry = entries.get(to.address);
    if (entry !== undefined) entry.sfu = to;
  });
  events.on("sfuRemoved", ({ sfu }) => {
    const entry = entries.get(sfu.address);
    if (entry !== undefined) drop(entry);
  });

  /** Counts a fault. @returns whether there have been so many in a row that nothing else need be known */
  const isSure = (entry: Entry): boolean => {
    const nowMs = clock.monotonic();
    entry.faultsInARow = nowMs - entry.lastFaultMs < settings.windowMs ? entry.faultsInARow + 1 : 1;
    entry.lastFaultMs = nowMs;
    return entry.known === "closed" && entry.faultsInARow >= Math.max(SURE, 2 * settings.minimumRequests);
  };

  /** What goes wrong in there must not keep a trial waiting. */
  const verdictFrom = async (verdictOf: RunOptions["verdictOf"], error: Error): Promise<Verdict> => {
    try {
      return await verdictOf(error);
    } catch (thrown) {
      events.emit("unexpected", { where: "the verdict on an attempt", error: toError(thrown) });
      return "nothing";
    }
  };

  return {
    state: (sfu) => entries.get(sfu.address)?.known ?? "closed",

    admits(sfu) {
      const entry = entries.get(sfu.address);
      if (entry === undefined) return "all";
      const { breaker, known, isOnProbation, trying } = entry;
      if (known === "closed") return isOnProbation && trying > 0 ? "assigned" : "all";
      return breaker.halfOpen && breaker.pendingClose && trying === 0 ? "all" : "none";
    },

    mayBeTried: (sfu) => (entries.get(sfu.address)?.trying ?? 0) === 0,

    async tried(sfu) {
      const entry = entries.get(sfu.address);
      if (entry !== undefined && entry.trying > 0) await new Promise<void>((resolve) => entry.waiting.push(resolve));
    },

    run(sfu, task, { verdictOf, asLastResort = false }) {
      return new Promise((resolve, reject) => {
        const entry = entryOf(sfu);
        const { breaker, era } = entry;
        const isTrial = breaker.halfOpen;
        const isForced = asLastResort && breaker.opened;
        const isTrying = isTrial || asLastResort || entry.isOnProbation;
        if ((isTrial || asLastResort) && entry.trying > 0) throw new BreakerOpenError(sfu);
        const observed = async (): Promise<void> => {
          if (isTrying) entry.trying++;
          let error: Error | null = null;
          try {
            resolve(await task());
          } catch (thrown) {
            error = toError(thrown);
            reject(error);
          }
          const verdict = error === null ? "fine" : await verdictFrom(verdictOf, error);
          // opossum never hears how it ended.
          if (entry.era !== era) return new Promise<never>(() => undefined);
          if (isTrying) entry.trying--;
          if (error !== null && verdict === "fault") {
            if (isForced || entry.isOnProbation || isSure(entry)) breaker.open();
            throw error;
          }
          if (verdict === "nothing") {
            // It must not close the breaker, and there will be no other trial before that is open. A key check may have
            // closed it meanwhile.
            if (isTrial && entry.known === "half_open") breaker.open();
            return;
          }
          entry.isOnProbation = false;
          entry.faultsInARow = 0;
          if (isForced) breaker.close();
        };
        const observation = isForced ? observed() : breaker.fire(observed);
        // A failure has been handed on by now, whatever it was.
        observation.then(
          // The breaker has moved by now, if it was to.
          () => wake(entry),
          (error: unknown) => {
            if (CircuitBreaker.isOurError(toError(error))) reject(new BreakerOpenError(sfu));
            wake(entry);
          },
        );
      });
    },

    async trial(sfu, check) {
      const entry = entries.get(sfu.address);
      if (entry?.breaker.halfOpen !== true || entry.trying > 0) return;
      const { breaker, era } = entry;
      let verdict: TrialVerdict;
      entry.trying++;
      try {
        verdict = await check();
      } finally {
        if (entry.era === era) entry.trying--;
        wake(entry);
      }
      // It has left.
      if (entry.era !== era || verdict === "undecided") return;
      entry.isOnProbation = verdict === "fine";
      if (entry.isOnProbation) breaker.close();
      else breaker.open();
    },

    trip(sfu) {
      const entry = entryOf(sfu);
      if (entry.breaker.halfOpen) return;
      entry.isTripped = true;
      entry.breaker.open();
    },

    pardon(sfu) {
      const entry = entries.get(sfu.address);
      if (entry?.isTripped !== true) return;
      entry.isOnProbation = true;
      entry.breaker.close();
    },

    close() {
      isClosed = true;
      stopRotating();
      for (const entry of entries.values()) drop(entry);
    },
  };
}

/** What a reload may change of a breaker that is there. */
function adjustable({ errorThresholdPercent, resetTimeoutMs }: Config["breaker"]): {
  readonly errorThresholdPercentage: number;
  readonly resetTimeout: number;
} {
  return { errorThresholdPercentage: errorThresholdPercent - AT_THE_THRESHOLD, resetTimeout: resetTimeoutMs };
}

function beginEra(entry: Entry): void {
  entry.era++;
  entry.trying = 0;
  entry.faultsInARow = 0;
  entry.isOnProbation = false;
  wake(entry);
}

/** Tells those who wait that nobody is trying, if that is so. They hear of it when what is under way here is done. */
function wake({ trying, waiting }: Entry): void {
  if (trying > 0) return;
  for (const resolve of waiting.splice(0)) resolve();
}

function forget(rotation: EventEmitter): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) rotation.emit("rotate");
}
