import FakeTimers from "@sinonjs/fake-timers";
import { type Clock, systemClock } from "../../lib/clock.ts";

export interface FakeClock extends Clock {
  /** Lets time pass and runs what falls due in it, with the promises that this settles. */
  elapse(ms: number): Promise<void>;
  /** How many timers are set. */
  timers(): number;
}

/** When every fake clock starts: a time of day that no spec depends on. */
export const START_MS = Date.UTC(2026, 0, 5, 8, 30);

/**
 * Fakes the process's clock for one suite, libraries' timers included (opossum has its own). Sockets and nock go on
 * in real time.
 */
export function useFakeClock(): FakeClock {
  let installed: FakeTimers.Clock | null = null;
  beforeEach(() => {
    const { nodeTiming } = performance;
    installed = FakeTimers.install({
      now: START_MS,
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    });
    // No fake time passes while the process has something to do.
    Object.defineProperty(performance, "nodeTiming", {
      value: {
        get idleTime() {
          return performance.now();
        },
        get uvMetricsInfo() {
          return nodeTiming.uvMetricsInfo;
        },
      },
    });
  });
  afterEach(() => {
    installed?.uninstall();
    installed = null;
  });
  return {
    ...systemClock,
    timers: () => installed?.countTimers() ?? 0,
    async elapse(ms) {
      if (installed === null) throw new Error("time passes only inside a spec");
      await installed.tickAsync(ms);
    },
  };
}
