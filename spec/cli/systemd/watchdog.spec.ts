import { expect } from "chai";
import { type Check, startWatchdog, turning, watchdogMs } from "../../../lib/cli/systemd/watchdog.ts";
import type { Cancel } from "../../../lib/clock.ts";
import { createLogger } from "../../../lib/logger.ts";
import { useFakeClock } from "../../support/clock.ts";
import type { LogLine } from "../../support/gateway.ts";

const PATIENCE_MS = 30_000;
const TURN_MS = PATIENCE_MS / 3;
const env = { WATCHDOG_USEC: String(PATIENCE_MS * 1000) };

describe("the watchdog", () => {
  const clock = useFakeClock();
  let stop: Cancel = () => undefined;
  let signs: number[];
  let logs: LogLine[];
  let startedAtMs: number;
  beforeEach(() => {
    signs = [];
    logs = [];
    startedAtMs = clock.monotonic();
  });
  afterEach(() => stop());

  const start = (check: Check, environment: Readonly<Record<string, string>> = env): void => {
    stop = startWatchdog({
      env: environment,
      clock,
      logger: createLogger("debug", { write: (line) => void logs.push(JSON.parse(line) as LogLine) }),
      manager: {
        alive: () => {
          signs.push(clock.monotonic() - startedAtMs);
          return Promise.resolve();
        },
      },
      check,
    });
  };
  const fine: Check = () => Promise.resolve();

  it("is told three times within its time, for as long as all is well", async () => {
    start(fine);
    await clock.elapse(2 * PATIENCE_MS);
    expect(signs).to.deep.equal([1, 2, 3, 4, 5, 6].map((turn) => turn * TURN_MS));
    expect(logs).to.deep.equal([]);
  });

  it("is told that the event loop goes round, where there is nothing else to ask", async () => {
    start(turning);
    await clock.elapse(TURN_MS);
    await turning();
    expect(signs).to.have.length(1);
  });

  it("is told nothing while the check fails, which is logged once", async () => {
    let isWell = false;
    start(() => (isWell ? Promise.resolve() : Promise.reject(new Error("no answer"))));
    await clock.elapse(3 * TURN_MS);
    expect(signs).to.deep.equal([]);
    expect(logs.map(({ level, msg }) => [level, msg])).to.deep.equal([
      ["warn", "the watchdog's check fails: no answer; after 30000 ms of this the service manager restarts it"],
    ]);

    isWell = true;
    await clock.elapse(TURN_MS);
    expect(signs).to.have.length(1);
    expect(logs.slice(1).map(({ level, msg }) => [level, msg])).to.deep.equal([
      ["info", "the watchdog's check is fine again"],
    ]);
  });

  it("ends a check that takes too long, in time for one more before the manager acts", async () => {
    const reasons: string[] = [];
    let isHanging = true;
    start((signal) => {
      if (!isHanging) return Promise.resolve();
      signal.addEventListener("abort", () => reasons.push((signal.reason as Error).message));
      return new Promise(() => undefined);
    });
    await clock.elapse(2 * TURN_MS - 1);
    expect(reasons).to.deep.equal(["no answer within 9000 ms"]);
    isHanging = false;
    await clock.elapse(1);
    expect(signs).to.deep.equal([2 * TURN_MS]);
  });

  it("ends the check that is under way when it is stopped, and says nothing of it", async () => {
    let isEnded = false;
    start((signal) => {
      signal.addEventListener("abort", () => (isEnded = true));
      return new Promise(() => undefined);
    });
    await clock.elapse(TURN_MS);
    stop();
    await clock.elapse(PATIENCE_MS);
    expect({ isEnded, signs, logs }).to.deep.equal({ isEnded: true, signs: [], logs: [] });
    expect(clock.timers()).to.equal(0);
  });

  const unwatched: readonly Readonly<Record<string, string>>[] = [
    {},
    { WATCHDOG_USEC: "" },
    { WATCHDOG_USEC: "0" },
    { WATCHDOG_USEC: "soon" },
    { WATCHDOG_USEC: "-1" },
    { ...env, WATCHDOG_PID: String(process.pid + 1) },
  ];
  for (const environment of unwatched) {
    it(`does nothing with ${JSON.stringify(Object.keys(environment))} = ${Object.values(environment)[0] ?? ""}`, async () => {
      start(fine, environment);
      expect(clock.timers()).to.equal(0);
      await clock.elapse(PATIENCE_MS);
      expect(signs).to.deep.equal([]);
    });
  }

  it("reads microseconds, for this process or for whoever it concerns", () => {
    expect(watchdogMs({ WATCHDOG_USEC: "20000000" }, 7)).to.equal(20_000);
    expect(watchdogMs({ WATCHDOG_USEC: "20000000", WATCHDOG_PID: "7" }, 7)).to.equal(20_000);
    expect(watchdogMs({ WATCHDOG_USEC: "20000000", WATCHDOG_PID: "8" }, 7)).to.equal(null);
  });
});
