import { expect } from "chai";
import { getEventListeners } from "node:events";
import { type Clock, inTime, sleep, withDeadline } from "../lib/clock.ts";
import { useFakeClock } from "./support/clock.ts";

describe("time", () => {
  const fake = useFakeClock();
  /** How many timers are waiting. */
  let timers: number;
  let clock: Clock;
  let caller: AbortController;
  beforeEach(() => {
    timers = 0;
    caller = new AbortController();
    clock = {
      ...fake,
      after(delayMs, run) {
        timers++;
        let isOver = false;
        const end = (): void => {
          if (!isOver) timers--;
          isOver = true;
        };
        const cancel = fake.after(delayMs, () => {
          end();
          run();
        });
        return () => {
          end();
          cancel();
        };
      },
    };
  });
  /** Every spec ends like this. */
  const expectNothingLeft = (): void => {
    expect(timers, "timers").to.equal(0);
    expect(getEventListeners(caller.signal, "abort"), "listeners").to.have.length(0);
  };

  /** What has become of a promise so far. */
  const watch = (promise: Promise<unknown>): { state: string } => {
    const seen = { state: "pending" };
    promise.then(
      (value) => (seen.state = `resolved: ${String(value)}`),
      (error: unknown) => (seen.state = `rejected: ${(error as Error).message}`),
    );
    return seen;
  };

  describe("the machine's clock", () => {
    it("runs something once, and not if it was cancelled", async () => {
      let runs = 0;
      fake.after(10, () => runs++);
      const cancel = fake.after(10, () => runs++);
      cancel();
      cancel();
      await fake.elapse(9);
      expect(runs).to.equal(0);
      await fake.elapse(100);
      expect(runs).to.equal(1);
    });

    it("runs something every interval until it is cancelled", async () => {
      let runs = 0;
      const cancel = fake.every(10, () => runs++);
      await fake.elapse(35);
      cancel();
      await fake.elapse(100);
      expect(runs).to.equal(3);
    });

    it("tells both times", async () => {
      const [now, monotonic] = [fake.now(), fake.monotonic()];
      await fake.elapse(1500);
      expect([fake.now() - now, fake.monotonic() - monotonic]).to.deep.equal([1500, 1500]);
    });
  });

  describe("a sleep", () => {
    it("ends when its time is over", async () => {
      const seen = watch(sleep(clock, 50, caller.signal));
      await fake.elapse(49);
      expect(seen.state).to.equal("pending");
      await fake.elapse(1);
      expect(seen.state).to.equal("resolved: undefined");
      expectNothingLeft();
    });

    it("ends with the reason of its signal", async () => {
      const seen = watch(sleep(clock, 50, caller.signal));
      await fake.elapse(10);
      caller.abort(new Error("enough"));
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: enough");
      expectNothingLeft();
    });

    it("does not begin where its signal is aborted already", async () => {
      caller.abort(new Error("enough"));
      const seen = watch(sleep(clock, 50, caller.signal));
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: enough");
      expectNothingLeft();
    });

    it("needs no signal", async () => {
      const seen = watch(sleep(clock, 50));
      await fake.elapse(50);
      expect(seen.state).to.equal("resolved: undefined");
      expectNothingLeft();
    });
  });

  describe("work with a deadline", () => {
    const late = new Error("too late");
    const run = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      withDeadline({ clock, timeoutMs: 100, signal: caller.signal, onTimeout: () => late }, work);

    it("ends as the work does", async () => {
      const work = Promise.withResolvers<string>();
      const seen = watch(run(() => work.promise));
      await fake.elapse(99);
      work.resolve("done");
      await fake.elapse(0);
      expect(seen.state).to.equal("resolved: done");
      expectNothingLeft();
    });

    it("fails as the work does", async () => {
      const seen = watch(run(() => Promise.reject(new Error("broken"))));
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: broken");
      expectNothingLeft();
    });

    it("fails as the work does where that throws before it has begun", async () => {
      const seen = watch(
        run(() => {
          throw new Error("broken at once");
        }),
      );
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: broken at once");
      expectNothingLeft();
    });

    it("fails with an Error whatever the work throws", async () => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      const error: unknown = await run(() => Promise.reject(undefined)).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Error);
      expectNothingLeft();
    });

    it("fails when the time is up, and tells the work why", async () => {
      let given: AbortSignal | undefined;
      const seen = watch(
        run((signal) => {
          given = signal;
          return new Promise(() => undefined);
        }),
      );
      await fake.elapse(99);
      expect(seen.state).to.equal("pending");
      await fake.elapse(1);
      expect(seen.state).to.equal("rejected: too late");
      expect(given!.reason).to.equal(late);
      expectNothingLeft();
    });

    it("fails with the reason of the caller's signal, and tells the work why", async () => {
      let given: AbortSignal | undefined;
      const seen = watch(
        run((signal) => {
          given = signal;
          return new Promise(() => undefined);
        }),
      );
      const reason = new Error("gone");
      caller.abort(reason);
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: gone");
      expect(given!.reason).to.equal(reason);
      expectNothingLeft();
    });

    it("does not begin where the caller has gone already", async () => {
      caller.abort(new Error("gone"));
      let hasBegun = false;
      const seen = watch(
        run(() => {
          hasBegun = true;
          return Promise.resolve();
        }),
      );
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: gone");
      expect(hasBegun).to.be.false;
      expectNothingLeft();
    });

    it("lets the work fail late without anybody's harm", async () => {
      const work = Promise.withResolvers<string>();
      const seen = watch(run(() => work.promise));
      await fake.elapse(100);
      work.reject(new Error("broken after all"));
      await fake.elapse(0);
      expect(seen.state).to.equal("rejected: too late");
      expectNothingLeft();
    });

    it("does not abort what has ended", async () => {
      let given: AbortSignal | undefined;
      await run((signal) => {
        given = signal;
        return Promise.resolve("done");
      });
      caller.abort();
      await fake.elapse(200);
      expect(given!.aborted).to.be.false;
      expectNothingLeft();
    });
  });
});

describe("what has a limited time", () => {
  const clock = useFakeClock();
  const late = (): Promise<string> => sleep(clock, 200).then(() => "late");

  it("brings what it brings in time, and null where it is late", async () => {
    const both = Promise.all([inTime({ clock, timeoutMs: 201 }, late()), inTime({ clock, timeoutMs: 199 }, late())]);
    await clock.elapse(300);
    expect(await both).to.deep.equal(["late", null]);
    expect(clock.timers()).to.equal(0);
  });

  it("throws what it throws, and the reason of the signal", async () => {
    const reason = new Error("enough");
    const thrown = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
    expect(await thrown(inTime({ clock, timeoutMs: 100 }, Promise.reject(reason)))).to.equal(reason);
    const caller = new AbortController();
    const given = thrown(inTime({ clock, timeoutMs: 100, signal: caller.signal }, new Promise(() => undefined)));
    caller.abort(reason);
    expect(await given).to.equal(reason);
  });
});
