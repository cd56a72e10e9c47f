import { expect } from "chai";
import { Events } from "../../lib/events.ts";
import { BreakerOpenError, type Breakers, createBreakers, type Verdict } from "../../lib/failover/breakers.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

const SETTINGS = { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetTimeoutMs: 5000 };

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

  const verdict = (value: Verdict) => () => value;
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
    expect(breakers.admits(sfu)).to.equal(false);
    expect(moves).to.deep.equal(["http://sfu1.test closed > open"]);
  });

  it("stays closed below the threshold", async () => {
    for (let count = 0; count < 4; count++) await succeed();
    await failTimes(3);
    expect(breakers.state(sfu)).to.equal("closed");
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
    expect(breakers.admits(sfu)).to.equal(true);
    await succeed();
    expect(moves.map((move) => move.split(" ").slice(1).join(" "))).to.deep.equal([
      "closed > open",
      "open > half_open",
      "half_open > closed",
    ]);
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
    expect(breakers.admits(sfu)).to.equal(false);
    expect(await succeed().catch((error: unknown) => error)).to.be.instanceOf(BreakerOpenError);
    trial.resolve("channel");
    expect(await first).to.equal("channel");
    await clock.elapse(0);
    expect(breakers.admits(sfu)).to.equal(true);
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
    expect(breakers.admits(sfu)).to.equal(true);
  });

  for (const how of ["serves", "fails"] as const) {
    it(`does not let a call that began before it opened decide the trial, when that ${how} late`, async () => {
      const late = Promise.withResolvers<string>();
      const running = breakers.run(sfu, () => late.promise, verdict("fault")).catch(() => "failed");
      await failTimes(4);
      await clock.elapse(SETTINGS.resetTimeoutMs);
      if (how === "serves") late.resolve("channel");
      else late.reject(new Error("boom"));
      expect(await running, "its caller gets the result all the same").to.equal(
        how === "serves" ? "channel" : "failed",
      );
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("half_open");
      expect(breakers.admits(sfu)).to.equal(true);
    });
  }

  it("hands an error on at once and waits for the verdict on its own", async () => {
    const verdicts = Array.from({ length: 4 }, () => Promise.withResolvers<Verdict>());
    for (const { promise } of verdicts) {
      const thrown = await breakers
        .run(
          sfu,
          () => Promise.reject(new Error("boom")),
          () => promise,
        )
        .catch((error: unknown) => error);
      expect(thrown).to.have.property("message", "boom");
    }
    expect(breakers.state(sfu)).to.equal("closed");
    for (const { resolve } of verdicts) resolve("fault");
    await clock.elapse(0);
    expect(breakers.state(sfu)).to.equal("open");
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
});
