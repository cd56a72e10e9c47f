import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { BreakerState, Sfu } from "../sfu/sfu.ts";

/**
 * What a failed attempt says about the SFU: `nothing` where nothing could be seen, as when the caller hung up. (opossum
 * knows failures and all else that was begun, so while a breaker is closed `nothing` counts like `fine`.)
 */
export type Verdict = "fine" | "fault" | "nothing";

/** The breaker let nothing through; the SFU was not asked. */
export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
}

/** One circuit breaker an SFU, made when it is first needed and dropped with its SFU. */
export interface Breakers {
  state(sfu: Sfu): BreakerState;
  /** Whether {@link Breakers.run} would ask the SFU now: closed, or half-open with its one trial still to be had. */
  admits(sfu: Sfu): boolean;
  /**
   * Runs `task`, which must settle by itself: a half-open breaker waits for its trial. The result is handed on at
   * once; `verdictOf` may take its time to say what a failure means for the breaker.
   *
   * @throws {BreakerOpenError} where `task` was not run; else whatever `task` throws
   */
  run<T>(sfu: Sfu, task: () => Promise<T>, verdictOf: (error: Error) => Verdict | Promise<Verdict>): Promise<T>;
  close(): void;
}

/** The window moves on by a tenth of its length at a time. */
const BUCKETS = 10;

/** opossum opens above its threshold; an operator who writes 50 means that half is too many. */
const AT_THE_THRESHOLD = 1e-9;

type Task = () => Promise<void>;

interface Entry {
  readonly breaker: CircuitBreaker<[Task], void>;
  readonly rotation: EventEmitter;
  known: BreakerState;
}

export function createBreakers(settings: Config["breaker"], clock: Clock, events: Events): Breakers {
  const entries = new Map<string, Entry>();

  const entryOf = (sfu: Sfu): Entry => {
    const present = entries.get(sfu.address);
    if (present !== undefined) return present;
    const rotation = new EventEmitter();
    const breaker = new CircuitBreaker<[Task], void>((task) => task(), {
      name: sfu.address,
      timeout: false,
      errorThresholdPercentage: settings.errorThresholdPercent - AT_THE_THRESHOLD,
      volumeThreshold: settings.minimumRequests,
      rollingCountTimeout: settings.windowMs,
      rollingCountBuckets: BUCKETS,
      resetTimeout: settings.resetTimeoutMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation,
    });
    const entry: Entry = { breaker, rotation, known: "closed" };
    const moved = (to: BreakerState) => () => {
      const from = entry.known;
      entry.known = to;
      events.emit("breaker", { sfu, from, to });
    };
    breaker.on("open", moved("open"));
    breaker.on("halfOpen", moved("half_open"));
    breaker.on("close", moved("closed"));
    // The failures that opened it are forgiven, else the first new one would open it again.
    breaker.on("close", () => forget(rotation));
    entries.set(sfu.address, entry);
    return entry;
  };

  const stopRotating = clock.every(Math.max(1, settings.windowMs / BUCKETS), () => {
    for (const { rotation } of entries.values()) rotation.emit("rotate");
  });

  events.on("sfuRemoved", ({ sfu }) => {
    entries.get(sfu.address)?.breaker.shutdown();
    entries.delete(sfu.address);
  });

  return {
    state: (sfu) => entries.get(sfu.address)?.known ?? "closed",

    admits(sfu) {
      const breaker = entries.get(sfu.address)?.breaker;
      return breaker === undefined || breaker.closed || (breaker.halfOpen && breaker.pendingClose);
    },

    run(sfu, task, verdictOf) {
      const { breaker } = entryOf(sfu);
      return new Promise((resolve, reject) => {
        const observed = async (): Promise<void> => {
          const isTrial = breaker.halfOpen;
          let error: Error | null = null;
          try {
            resolve(await task());
          } catch (thrown) {
            error = toError(thrown);
            reject(error);
          }
          const verdict = error === null ? "fine" : await verdictOf(error);
          // What began before the breaker opened has no say in a trial: opossum never hears how it ended.
          if (!isTrial && !breaker.closed) return new Promise<never>(() => undefined);
          if (error !== null && verdict === "fault") throw error;
          // A trial that showed nothing must not close the breaker, and there will be no other before it is open.
          if (verdict === "nothing" && isTrial) breaker.open();
        };
        breaker.fire(observed).catch((error: unknown) => {
          if (CircuitBreaker.isOurError(toError(error)))
            reject(new BreakerOpenError(`the breaker of ${sfu.address} is open`));
        });
      });
    },

    close() {
      stopRotating();
      for (const { breaker } of entries.values()) breaker.shutdown();
      entries.clear();
    },
  };
}

function forget(rotation: EventEmitter): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) rotation.emit("rotate");
}
