import { expect } from "chai";
import { turnsOfTheLoop } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { BreakerOpenError, type Breakers, createBreakers, type Verdict } from "../../lib/failover/breakers.ts";
import type { Sfu, TrialVerdict } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { configurationOf } from "../support/gateway.ts";

const SETTINGS = { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetTimeoutMs: 5000 };

/** A call under way. */
interface Call {
  /** The channel, or what `run` threw. */
  readonly outcome: Promise<unknown>;
  serve(): Promise<void>;
  fail(): Promise<void>;
}

describe("breakers", () => {
  const clock = useFakeClock();
  const sfu = sfuOf(1);
  let events: Events;
  let breakers: Breakers;
  let moves: string[];

  beforeEach(() => {
    events = new Events();
    moves = [];
    events.on("breaker", ({ sfu: { address }, from, to }) => moves.push(`${address} ${from} > ${to}`));
    breakers = createBreakers(SETTINGS, clock, events);
  });
  afterEach(() => breakers.close());

  const verdict = (value: Verdict) => ({ verdictOf: () => value });
  const succeed = async (of = sfu): Promise<string> => {
    const result = await breakers.run(of, () => Promise.resolve("channel"), verdict("fault"));
    await clock.elapse(0);
    return result;
  };
  /** Resolves to what `run` threw, once the breaker knows of it too. */
  const fail = async (said: Verdict = "fault", of = sfu): Promise<unknown> => {
    const thrown = await breakers
      .run(of, () => Promise.reject(new Error("boom")), verdict(said))
      .catch((e: unknown) => e);
    await clock.elapse(0);
    return thrown;
  };
  const failTimes = async (times: number, said: Verdict = "fault"): Promise<void> => {
    for (let count = 0; count < times; count++) await fail(said);
  };
  /** A call that goes on until it is told how it ends. */
  const begin = ({ asLastResort = false } = {}): Call => {
    const end = Promise.withResolvers<string>();
    const outcome = breakers
      .run(sfu, () => end.promise, { ...verdict("fault"), asLastResort })
      .catch((error: unknown) => error);
    return {
      outcome,
      async serve() {
        end.resolve("channel");
        await clock.elapse(0);
      },
      async fail() {
        end.reject(new Error("boom"));
        await clock.elapse(0);
      },
    };
  };
  const open = (): Promise<void> => failTimes(SETTINGS.minimumRequests);
  const halfOpen = async (): Promise<void> => {
    await open();
    await clock.elapse(SETTINGS.resetTimeoutMs);
  };
  const steps = (): string[] => moves.map((move) => move.split(" ").slice(1).join(" "));

  it("hands results and errors through while it is closed", async () => {
    expect(await succeed()).to.equal("channel");
    expect(await fail())
      .to.be.an("error")
      .with.property("message", "boom");
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("stays closed below the minimum of requests, however many of them failed", async () => {
    await failTimes(3);
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("opens at the threshold, not only above it", async () => {
    await succeed();
    await succeed();
    await failTimes(2);
    expect(breakers.state(sfu)).to.equal("open");
    expect(breakers.admits(sfu)).to.equal("none");
    expect(moves).to.deep.equal(["http://sfu1.test closed > open"]);
  });

  it("stays closed below the threshold", async () => {
    for (let count = 0; count < 4; count++) await succeed();
    await failTimes(3);
    expect(breakers.state(sfu)).to.equal("closed");
  });

  describe("of an SFU that was well a moment ago", () => {
    beforeEach(async () => {
      for (let count = 0; count < 200; count++) await succeed();
    });

    it("opens after ten faults in a row, far below the threshold", async () => {
      await failTimes(9);
      expect(breakers.state(sfu)).to.equal("closed");
      await fail();
      expect(breakers.state(sfu)).to.equal("open");
      expect(steps()).to.deep.equal(["closed > open"]);
    });

    it("begins to count anew with each call that goes well", async () => {
      await failTimes(9);
      await succeed();
      await failTimes(9);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("begins anew with what was the request's fault, for it shows that the SFU answers", async () => {
      await failTimes(9);
      await fail("fine");
      await failTimes(9);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("counts on past what showed nothing", async () => {
      await failTimes(9);
      await failTimes(3, "nothing");
      expect(breakers.state(sfu)).to.equal("closed");
      await fail();
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("does not wait for those that are under way", async () => {
      const others = Array.from({ length: 300 }, () => begin());
      for (const other of others.slice(0, 10)) await other.fail();
      expect(breakers.state(sfu)).to.equal("open");
      for (const other of others.slice(10)) await other.serve();
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("takes faults that are a window apart for no row", async () => {
      for (let count = 0; count < 12; count++) {
        for (let good = 0; good < 4; good++) await fail("nothing");
        await fail();
        await clock.elapse(SETTINGS.windowMs);
      }
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("wants twice the minimum of requests where that is more", async () => {
      const patient = createBreakers({ ...SETTINGS, minimumRequests: 20 }, clock, events);
      const end = async (task: () => Promise<string>): Promise<void> => {
        await patient.run(sfu, task, verdict("fault")).catch(() => undefined);
        await clock.elapse(0);
      };
      for (let count = 0; count < 200; count++) await end(() => Promise.resolve("channel"));
      for (let count = 0; count < 39; count++) await end(() => Promise.reject(new Error("boom")));
      expect(patient.state(sfu)).to.equal("closed");
      await end(() => Promise.reject(new Error("boom")));
      expect(patient.state(sfu)).to.equal("open");
      patient.close();
    });

    it("has no row behind it once it has closed again", async () => {
      await failTimes(10);
      await clock.elapse(SETTINGS.resetTimeoutMs);
      await succeed();
      for (let count = 0; count < 50; count++) await succeed();
      await failTimes(9);
      expect(breakers.state(sfu)).to.equal("closed");
    });
  });

  it("opens at a threshold of 100 %, too", async () => {
    const strict = createBreakers({ ...SETTINGS, errorThresholdPercent: 100 }, clock, events);
    for (let count = 0; count < 4; count++) {
      await strict.run(sfu, () => Promise.reject(new Error("boom")), verdict("fault")).catch(() => undefined);
    }
    await clock.elapse(0);
    expect(strict.state(sfu)).to.equal("open");
    strict.close();
  });

  it("asks nobody while it is open, and says so by an error of its own", async () => {
    await failTimes(4);
    let asked = 0;
    const thrown = await breakers
      .run(sfu, () => Promise.resolve(++asked), verdict("fault"))
      .catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(BreakerOpenError);
    expect(asked).to.equal(0);
  });

  it("goes closed, open, half-open and closed again when the trial succeeds", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs - 1);
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(1);
    expect(breakers.state(sfu)).to.equal("half_open");
    expect(breakers.admits(sfu)).to.equal("all");
    await succeed();
    expect(steps()).to.deep.equal(["closed > open", "open > half_open", "half_open > closed"]);
  });

  it("opens again when the trial fails, for the whole reset time", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    await fail();
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(SETTINGS.resetTimeoutMs - 1);
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(1);
    expect(breakers.state(sfu)).to.equal("half_open");
  });

  it("lets one trial through at a time", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    const trial = Promise.withResolvers<string>();
    const first = breakers.run(sfu, () => trial.promise, verdict("fault"));
    expect(breakers.admits(sfu)).to.equal("none");
    expect(await succeed().catch((error: unknown) => error)).to.be.instanceOf(BreakerOpenError);
    trial.resolve("channel");
    expect(await first).to.equal("channel");
    await clock.elapse(0);
    expect(breakers.admits(sfu)).to.equal("all");
  });

  it("forgives what opened it: one failure after closing does not open it again", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    await succeed();
    await failTimes(3);
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("forgets failures that are older than the window", async () => {
    await failTimes(3);
    await clock.elapse(SETTINGS.windowMs + 1000);
    await failTimes(3);
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("counts what was the request's fault for the SFU, not against it", async () => {
    await failTimes(20, "fine");
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("closes after a trial that the SFU answered, be it with a refusal of the request", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    await fail("fine");
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("opens again after a trial that showed nothing, instead of waiting for ever", async () => {
    await failTimes(4);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    await fail("nothing");
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(SETTINGS.resetTimeoutMs);
    expect(breakers.admits(sfu)).to.equal("all");
  });

  for (const how of ["serves", "fails"] as const) {
    it(`does not let a call that began before it opened decide the trial, when that ${how} late`, async () => {
      const late = begin();
      await halfOpen();
      await (how === "serves" ? late.serve() : late.fail());
      if (how === "serves") expect(await late.outcome, "its caller gets the result all the same").to.equal("channel");
      else expect(await late.outcome).to.have.property("message", "boom");
      expect(breakers.state(sfu)).to.equal("half_open");
      expect(breakers.admits(sfu)).to.equal("all");
    });
  }

  it("does not count what began before it opened, and fails after it has closed again", async () => {
    const late = Array.from({ length: SETTINGS.minimumRequests }, () => begin());
    await halfOpen();
    await succeed();
    for (const call of late) await call.fail();
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("hands an error on at once and waits for the verdict on its own", async () => {
    const verdicts = Array.from({ length: 4 }, () => Promise.withResolvers<Verdict>());
    for (const { promise } of verdicts) {
      const thrown = await breakers
        .run(sfu, () => Promise.reject(new Error("boom")), { verdictOf: () => promise })
        .catch((error: unknown) => error);
      expect(thrown).to.have.property("message", "boom");
    }
    expect(breakers.state(sfu)).to.equal("closed");
    for (const { resolve } of verdicts) resolve("fault");
    await clock.elapse(0);
    expect(breakers.state(sfu)).to.equal("open");
  });

  it("tells of a verdict that could not be given, and goes on as if nothing had been seen", async () => {
    const told: string[] = [];
    events.on("unexpected", ({ where, error }) => told.push(`${where}: ${error.message}`));
    await halfOpen();
    const thrown = await breakers
      .run(sfu, () => Promise.reject(new Error("boom")), { verdictOf: () => Promise.reject(new Error("a bug")) })
      .catch((error: unknown) => error);
    await clock.elapse(0);
    expect(thrown).to.have.property("message", "boom");
    expect(told).to.deep.equal(["the verdict on an attempt: a bug"]);
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(SETTINGS.resetTimeoutMs);
    expect(breakers.admits(sfu), "no trial is waited for in vain").to.equal("all");
  });

  describe("a trial by key check", () => {
    /** A key check under way, and what it shows in the end. */
    const check = (): ((verdict: TrialVerdict) => Promise<void>) => {
      const shown = Promise.withResolvers<TrialVerdict>();
      void breakers.trial(sfu, () => shown.promise);
      return async (value) => {
        shown.resolve(value);
        await clock.elapse(0);
      };
    };
    const checked = async (value: TrialVerdict): Promise<void> => {
      let asked = 0;
      await breakers.trial(sfu, () => Promise.resolve((asked++, value)));
      expect(asked).to.equal(1);
    };

    it("closes the breaker where the SFU passes it", async () => {
      await halfOpen();
      await checked("fine");
      expect(breakers.state(sfu)).to.equal("closed");
      expect(steps()).to.deep.equal(["closed > open", "open > half_open", "half_open > closed"]);
    });

    it("opens it again where the SFU fails it, for the whole reset time", async () => {
      await halfOpen();
      await checked("fault");
      expect(breakers.state(sfu)).to.equal("open");
      await clock.elapse(SETTINGS.resetTimeoutMs - 1);
      expect(breakers.state(sfu)).to.equal("open");
      await clock.elapse(1);
      expect(breakers.state(sfu)).to.equal("half_open");
    });

    it("leaves it to a call where it shows nothing", async () => {
      await halfOpen();
      await checked("undecided");
      expect(breakers.state(sfu)).to.equal("half_open");
      expect(breakers.admits(sfu)).to.equal("all");
      await succeed();
      expect(breakers.state(sfu)).to.equal("closed");
      await failTimes(1);
      expect(breakers.state(sfu), "a call has proved it").to.equal("closed");
    });

    it("leaves it to a call where it throws, and hands that on", async () => {
      await halfOpen();
      const thrown = await breakers
        .trial(sfu, () => Promise.reject(new TypeError("a bug")))
        .catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(TypeError);
      expect(breakers.admits(sfu)).to.equal("all");
    });

    it("begins at the moment when the breaker is half-open, so that no call gets in before it", async () => {
      const shown = Promise.withResolvers<TrialVerdict>();
      const admitted: string[] = [];
      events.on("breaker", ({ sfu: { address }, to }) => {
        if (to === "half_open") void breakers.trial(sfuOf(1, { address }), () => shown.promise);
        admitted.push(breakers.admits(sfu));
      });
      await halfOpen();
      expect(admitted).to.deep.equal(["none", "none"]);
      shown.resolve("fine");
    });

    it("lets no call in while it goes on, not as a last resort either", async () => {
      await halfOpen();
      const end = check();
      expect(breakers.admits(sfu)).to.equal("none");
      expect(breakers.mayBeTried(sfu)).to.be.false;
      expect(await begin().outcome).to.be.instanceOf(BreakerOpenError);
      expect(await begin({ asLastResort: true }).outcome).to.be.instanceOf(BreakerOpenError);
      await end("fine");
      expect(breakers.admits(sfu)).to.equal("all");
    });

    it("is one at a time", async () => {
      await halfOpen();
      const end = check();
      await breakers.trial(sfu, () => Promise.reject(new Error("nobody asks this")));
      await end("fine");
      expect(breakers.state(sfu)).to.equal("closed");
    });

    for (const [state, bring] of [
      ["closed", () => Promise.resolve()],
      ["open", open],
    ] as const) {
      it(`is not asked for while the breaker is ${state}`, async () => {
        await bring();
        await breakers.trial(sfu, () => Promise.reject(new Error("nobody asks this")));
        expect(breakers.state(sfu)).to.equal(state);
      });
    }

    it("is not asked for while a call is the trial", async () => {
      await halfOpen();
      const call = begin();
      await breakers.trial(sfu, () => Promise.reject(new Error("nobody asks this")));
      await call.serve();
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("shows nothing of an SFU that left meanwhile, and is back", async () => {
      await halfOpen();
      const end = check();
      events.emit("sfuRemoved", { sfu });
      await succeed();
      await end("fault");
      expect(breakers.state(sfu)).to.equal("closed");
      expect(breakers.admits(sfu)).to.equal("all");
      expect(steps()).to.deep.equal(["closed > open", "open > half_open"]);
    });
  });

  describe("probation, after a key check alone has closed the breaker", () => {
    beforeEach(async () => {
      await halfOpen();
      await breakers.trial(sfu, () => Promise.resolve("fine"));
    });

    it("takes one new conference at a time, and those that it has", async () => {
      expect(breakers.admits(sfu)).to.equal("all");
      const call = begin();
      expect(breakers.admits(sfu)).to.equal("assigned");
      const assigned = begin();
      await assigned.fail();
      expect(await assigned.outcome, "it was asked").to.have.property("message", "boom");
      await call.serve();
    });

    it("ends with the first call that is served", async () => {
      const [first, second] = [begin(), begin()];
      await first.serve();
      expect(breakers.admits(sfu)).to.equal("all");
      await second.fail();
      await failTimes(1);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("ends with an answer that blames the request, too", async () => {
      await fail("fine");
      await failTimes(1);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("goes on where a call shows nothing", async () => {
      await fail("nothing");
      expect(breakers.state(sfu)).to.equal("closed");
      expect(breakers.admits(sfu)).to.equal("all");
      await fail();
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("ends with the first fault, which opens the breaker at once", async () => {
      await fail();
      expect(breakers.state(sfu)).to.equal("open");
      expect(breakers.admits(sfu)).to.equal("none");
      expect(await begin().outcome).to.be.instanceOf(BreakerOpenError);
    });

    it("goes on where the verdict cannot be given", async () => {
      await breakers
        .run(sfu, () => Promise.reject(new Error("boom")), { verdictOf: () => Promise.reject(new Error("a bug")) })
        .catch(() => undefined);
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("closed");
      expect(breakers.admits(sfu), "nobody is waited for in vain").to.equal("all");
    });

    it("goes on until the verdict is there, for a call whose blame is not clear yet", async () => {
      const said = Promise.withResolvers<Verdict>();
      await breakers
        .run(sfu, () => Promise.reject(new Error("boom")), { verdictOf: () => said.promise })
        .catch(() => undefined);
      expect(breakers.admits(sfu)).to.equal("assigned");
      said.resolve("fault");
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("lets a hung media worker cost one slow call a reset time, and no more", async () => {
      // Its noop and its key check are fine (contract.md).
      events.on("breaker", ({ to }) => {
        if (to === "half_open") void breakers.trial(sfu, () => Promise.resolve("fine"));
      });
      let slow = 0;
      const conference = async (): Promise<void> => {
        if (breakers.admits(sfu) !== "all") return;
        slow++;
        const call = begin();
        clock.after(1000, () => void call.fail());
        await call.outcome;
      };
      const resets = 10;
      for (let ms = 0; ms < resets * (SETTINGS.resetTimeoutMs + 1000); ms += 100) {
        void conference();
        void conference();
        await clock.elapse(100);
      }
      expect(slow).to.equal(resets);
    });

    it("is not what the breaker is on after it has opened and closed by a call", async () => {
      await fail();
      await clock.elapse(SETTINGS.resetTimeoutMs);
      await succeed();
      await failTimes(3);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("is not ended by what began before it, however that ends", async () => {
      const late = [begin(), begin()];
      await fail();
      await clock.elapse(SETTINGS.resetTimeoutMs);
      await breakers.trial(sfu, () => Promise.resolve("fine"));
      await late[0]!.fail();
      expect(breakers.state(sfu), "a late fault").to.equal("closed");
      await late[1]!.serve();
      expect(breakers.admits(sfu), "they hold nobody up").to.equal("all");
      await fail();
      expect(breakers.state(sfu), "a late success is no proof").to.equal("open");
    });
  });

  describe("a last resort", () => {
    it("passes an open breaker, and closes it where the SFU serves", async () => {
      await open();
      const call = begin({ asLastResort: true });
      expect(breakers.state(sfu), "while it is under way").to.equal("open");
      await call.serve();
      expect(await call.outcome).to.equal("channel");
      expect(breakers.state(sfu)).to.equal("closed");
      await clock.elapse(10 * SETTINGS.resetTimeoutMs);
      expect(steps(), "the reset timer has gone").to.deep.equal(["closed > open", "open > closed"]);
    });

    it("needs no further proof once it is served", async () => {
      await open();
      await begin({ asLastResort: true }).serve();
      await failTimes(3);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("leaves the breaker open where it fails, and the time of the trial as it was", async () => {
      await open();
      await clock.elapse(1000);
      const call = begin({ asLastResort: true });
      await call.fail();
      expect(await call.outcome).to.have.property("message", "boom");
      expect(breakers.state(sfu)).to.equal("open");
      expect(breakers.mayBeTried(sfu)).to.be.true;
      await clock.elapse(SETTINGS.resetTimeoutMs - 1000);
      expect(breakers.state(sfu)).to.equal("half_open");
    });

    it("leaves no rejection behind that nobody has seen", async () => {
      const unseen: unknown[] = [];
      const note = (reason: unknown): void => void unseen.push(reason);
      process.on("unhandledRejection", note);
      await open();
      const call = begin({ asLastResort: true });
      await call.fail();
      await turnsOfTheLoop(1);
      process.off("unhandledRejection", note);
      expect(unseen).to.deep.equal([]);
    });

    it("leaves the breaker open where it shows nothing", async () => {
      await open();
      await breakers
        .run(sfu, () => Promise.reject(new Error("boom")), { ...verdict("nothing"), asLastResort: true })
        .catch(() => undefined);
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("open");
      expect(breakers.mayBeTried(sfu)).to.be.true;
    });

    it("is one at a time for each SFU", async () => {
      await open();
      const call = begin({ asLastResort: true });
      expect(breakers.mayBeTried(sfu)).to.be.false;
      expect(breakers.mayBeTried(sfuOf(2))).to.be.true;
      expect(await begin({ asLastResort: true }).outcome).to.be.instanceOf(BreakerOpenError);
      await call.fail();
      expect(breakers.mayBeTried(sfu)).to.be.true;
    });

    for (const [how, state] of [
      ["serve", "closed"],
      ["fail", "open"],
    ] as const) {
      it(`decides the trial where the breaker has become half-open meanwhile: ${state} where it ${how}s`, async () => {
        await open();
        await clock.elapse(SETTINGS.resetTimeoutMs - 100);
        const call = begin({ asLastResort: true });
        await clock.elapse(100);
        expect(breakers.state(sfu)).to.equal("half_open");
        expect(breakers.admits(sfu)).to.equal("none");
        await breakers.trial(sfu, () => Promise.reject(new Error("nobody asks this")));
        await call[how]();
        expect(breakers.state(sfu)).to.equal(state);
      });
    }

    it("leaves the trial to a call where it shows nothing and the breaker has become half-open meanwhile", async () => {
      await open();
      const end = Promise.withResolvers<never>();
      const outcome = breakers
        .run(sfu, () => end.promise, { ...verdict("nothing"), asLastResort: true })
        .catch(() => undefined);
      await clock.elapse(SETTINGS.resetTimeoutMs);
      end.reject(new Error("the caller hung up"));
      await outcome;
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("half_open");
      expect(breakers.admits(sfu)).to.equal("all");
    });

    it("is the trial where the breaker is half-open", async () => {
      await halfOpen();
      await begin({ asLastResort: true }).serve();
      expect(breakers.state(sfu)).to.equal("closed");
    });

    describe("of an SFU that is down, its breaker closed", () => {
      it("is one at a time as well", async () => {
        const call = begin({ asLastResort: true });
        expect(breakers.mayBeTried(sfu)).to.be.false;
        expect(await begin({ asLastResort: true }).outcome).to.be.instanceOf(BreakerOpenError);
        await call.serve();
        expect(await call.outcome).to.equal("channel");
        expect(breakers.mayBeTried(sfu)).to.be.true;
        expect(moves).to.deep.equal([]);
      });

      it("counts against it where it fails, like any call", async () => {
        for (let count = 0; count < SETTINGS.minimumRequests; count++) await begin({ asLastResort: true }).fail();
        expect(breakers.state(sfu)).to.equal("open");
      });
    });

    it("of an SFU that left meanwhile brings nothing back", async () => {
      await open();
      const call = begin({ asLastResort: true });
      events.emit("sfuRemoved", { sfu });
      expect(breakers.mayBeTried(sfu)).to.be.true;
      await call.serve();
      expect(await call.outcome).to.equal("channel");
      await clock.elapse(10 * SETTINGS.resetTimeoutMs);
      expect(moves).to.have.length(1);
      expect(breakers.state(sfu)).to.equal("closed");
    });
  });

  it("keeps the SFUs apart", async () => {
    await failTimes(4);
    expect(breakers.state(sfuOf(2))).to.equal("closed");
    expect(await succeed(sfuOf(2))).to.equal("channel");
  });

  it("drops the breaker of an SFU that leaves", async () => {
    await failTimes(4);
    events.emit("sfuRemoved", { sfu });
    expect(breakers.state(sfu)).to.equal("closed");
    expect(await succeed()).to.equal("channel");
    await clock.elapse(SETTINGS.resetTimeoutMs);
    expect(moves, "the old one moves no more").to.have.length(1);
  });

  it("opens ahead of its threshold where it is tripped, once, and is half-open after the reset time", async () => {
    breakers.trip(sfu);
    breakers.trip(sfu);
    expect(breakers.state(sfu)).to.equal("open");
    await clock.elapse(SETTINGS.resetTimeoutMs);
    breakers.trip(sfu);
    expect(moves.map((move) => move.split(" ").slice(1).join(" "))).to.deep.equal([
      "closed > open",
      "open > half_open",
    ]);
  });

  it("closes at once where it was tripped and is pardoned, on probation", async () => {
    breakers.trip(sfu);
    breakers.pardon(sfu);
    expect(breakers.state(sfu)).to.equal("closed");
    await fail();
    expect(breakers.state(sfu), "the first fault opens it again").to.equal("open");
    breakers.pardon(sfu);
    expect(breakers.state(sfu), "calls have opened it this time").to.equal("open");
  });

  it("stays closed where it is pardoned while its trial is under way, and that shows nothing", async () => {
    breakers.trip(sfu);
    await clock.elapse(SETTINGS.resetTimeoutMs);
    const hangingUp = Promise.withResolvers<never>();
    const trial = breakers.run(sfu, () => hangingUp.promise, verdict("nothing")).catch(() => undefined);
    breakers.pardon(sfu);
    hangingUp.reject(new Error("the caller hung up"));
    await trial;
    await clock.elapse(0);
    expect(breakers.state(sfu)).to.equal("closed");
  });

  it("counts as tripped where probes fail, too, once calls have opened it", async () => {
    await open();
    breakers.trip(sfu);
    expect(moves, "it is open").to.have.length(1);
    breakers.pardon(sfu);
    expect(breakers.state(sfu)).to.equal("closed");
    await fail();
    expect(breakers.state(sfu), "on probation").to.equal("open");
    breakers.pardon(sfu);
    expect(breakers.state(sfu), "calls alone have opened it this time").to.equal("open");
  });

  it("tells when nobody is trying any more, in the state that this has brought", async () => {
    await open();
    await breakers.tried(sfu);
    await breakers.tried(sfuOf(2));
    for (const ends of ["resolve", "reject"] as const) {
      const trial = Promise.withResolvers<string>();
      const options = { verdictOf: () => "fault" as const, asLastResort: true };
      breakers.run(sfu, () => trial.promise, options).catch(() => undefined);
      let found: string | null = null;
      void breakers.tried(sfu).then(() => (found = breakers.state(sfu)));
      await clock.elapse(0);
      expect(found).to.equal(null);
      if (ends === "resolve") trial.resolve("channel");
      else trial.reject(new Error("refused"));
      await clock.elapse(0);
      expect(found).to.equal(ends === "resolve" ? "closed" : "open");
      await open();
    }
  });

  it("is not pardoned for what calls have opened", async () => {
    await open();
    breakers.pardon(sfu);
    expect(breakers.state(sfu)).to.equal("open");
    breakers.pardon(sfuOf(2));
    expect(moves).to.have.length(1);
  });

  it("tells of the SFU as it is in force, where its entry has changed", async () => {
    const told: Sfu[] = [];
    events.on("breaker", (event) => told.push(event.sfu));
    const successor = sfuOf(1, { region: "eu" });
    await open();
    events.emit("sfuChanged", { from: sfu, to: successor });
    await clock.elapse(SETTINGS.resetTimeoutMs);
    expect(told).to.deep.equal([sfu, successor]);
    expect(breakers.state(successor), "it keeps its breaker").to.equal("half_open");
  });

  describe("after a reload", () => {
    const { config } = configurationOf({ sfus: [] });
    const reconfigure = (parts: Partial<typeof SETTINGS>): void =>
      events.emit("reconfigured", { from: config, to: { ...config, breaker: { ...SETTINGS, ...parts } } });

    it("opens by the threshold and the minimum that there are now, and has forgotten nothing", async () => {
      await succeed();
      await failTimes(2);
      reconfigure({ errorThresholdPercent: 80 });
      await failTimes(1);
      expect(breakers.state(sfu), "3 of 4").to.equal("closed");
      reconfigure({ minimumRequests: 6 });
      await failTimes(1);
      expect(breakers.state(sfu), "4 of 5, of at least 6").to.equal("closed");
      reconfigure({ minimumRequests: 5 });
      await failTimes(1);
      expect(breakers.state(sfu), "5 of 6").to.equal("open");
    });

    it("gives an SFU that is new to it the settings that there are now", async () => {
      reconfigure({ minimumRequests: 1, resetTimeoutMs: 100 });
      const other = sfuOf(2);
      await fail("fault", other);
      expect(breakers.state(other)).to.equal("open");
      await clock.elapse(100);
      expect(breakers.state(other)).to.equal("half_open");
    });

    it("remembers for as long as the window is now", async () => {
      reconfigure({ windowMs: 1000 });
      await failTimes(3);
      await clock.elapse(1000);
      await fail();
      expect(breakers.state(sfu)).to.equal("closed");
      reconfigure({ windowMs: 60_000 });
      await clock.elapse(50_000);
      await failTimes(3);
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("goes on forgetting, however often it comes, where the window is the same", async () => {
      await failTimes(3);
      // A tenth of the window is 1000 ms.
      for (let count = 1; count <= 20; count++) {
        await clock.elapse(900);
        reconfigure({ resetTimeoutMs: SETTINGS.resetTimeoutMs + count });
      }
      await fail();
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("waits for the reset time that it was opened with, and for the new one the next time", async () => {
      await open();
      reconfigure({ resetTimeoutMs: 100 });
      await clock.elapse(SETTINGS.resetTimeoutMs - 1);
      expect(breakers.state(sfu)).to.equal("open");
      await clock.elapse(1);
      await fail();
      await clock.elapse(99);
      expect(breakers.state(sfu)).to.equal("open");
      await clock.elapse(1);
      expect(steps().slice(-2)).to.deep.equal(["half_open > open", "open > half_open"]);
    });

    const states: Readonly<Record<string, () => Promise<unknown>>> = {
      open,
      "half-open": halfOpen,
      "half-open, with a call for its trial,": async () => {
        await halfOpen();
        begin();
      },
      "on probation": async () => {
        await halfOpen();
        await breakers.trial(sfu, () => Promise.resolve("fine"));
      },
      tripped: () => {
        breakers.trip(sfu);
        return Promise.resolve();
      },
    };
    for (const [name, bring] of Object.entries(states)) {
      it(`is ${name} as before, and nothing has moved`, async () => {
        await bring();
        const look = (): unknown => ({
          state: breakers.state(sfu),
          admits: breakers.admits(sfu),
          mayBeTried: breakers.mayBeTried(sfu),
        });
        const [before, moved] = [look(), moves.length];
        reconfigure({ errorThresholdPercent: 90, minimumRequests: 100, windowMs: 500, resetTimeoutMs: 60_000 });
        await clock.elapse(0);
        expect(look()).to.deep.equal(before);
        expect(moves).to.have.length(moved);
      });
    }

    it("still pardons what was tripped, and opens again at the first fault of who is on probation", async () => {
      breakers.trip(sfu);
      reconfigure({ minimumRequests: 100 });
      breakers.pardon(sfu);
      expect(breakers.state(sfu)).to.equal("closed");
      reconfigure({ minimumRequests: 200 });
      await fail();
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("decides the trial that was under way", async () => {
      await halfOpen();
      const trial = begin();
      reconfigure({ windowMs: 500, minimumRequests: 100 });
      await trial.fail();
      expect(breakers.state(sfu)).to.equal("open");
    });
  });

  it("leaves no timer behind once it is closed, and begins none after it", async () => {
    await open();
    breakers.close();
    expect(clock.timers()).to.equal(0);
    const { config } = configurationOf({ sfus: [] });
    events.emit("reconfigured", { from: config, to: { ...config, breaker: { ...SETTINGS, windowMs: 500 } } });
    expect(clock.timers()).to.equal(0);
  });
});
