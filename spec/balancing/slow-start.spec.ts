import { expect } from "chai";
import { createSlowStart, type SlowStart, WARM_UP_MS } from "../../lib/balancing/slow-start.ts";
import { Events } from "../../lib/events.ts";
import type { BreakerState, Health } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { seeded } from "../support/random.ts";

const healthOf = (state: Health["state"]): Health =>
  state === "unknown" || state === "healthy" ? { state, sinceMs: 0 } : { state, sinceMs: 0, reason: "whatever" };

describe("slow start", () => {
  const clock = useFakeClock();
  const [a, b] = [sfuOf(1), sfuOf(2)];
  let events: Events;
  let slowStart: SlowStart;
  beforeEach(() => {
    events = new Events();
    slowStart = createSlowStart(clock, seeded(1), events);
    events.emit("sfuAdded", { sfu: a });
    events.emit("sfuAdded", { sfu: b });
  });

  const growUp = (): Promise<void> => clock.elapse(WARM_UP_MS + 1);
  const turn = (from: Health["state"], to: Health["state"]): void =>
    events.emit("health", { sfu: a, from: healthOf(from), to: healthOf(to) });
  const breaker = (from: BreakerState, to: BreakerState): void => events.emit("breaker", { sfu: a, from, to });

  it("is of no concern to an SFU that has been there all the time", async () => {
    expect(slowStart.shareOf(a)).to.equal(1);
    await growUp();
    expect(slowStart.shareOf(a)).to.equal(1);
    expect(slowStart.standsBack(a)).to.equal(false);
    expect(slowStart.shareOf(sfuOf(99))).to.equal(1);
  });

  it("lets the share of who has come back grow to all, evenly", async () => {
    await growUp();
    turn("down", "healthy");
    const first = slowStart.shareOf(a);
    expect(first).to.be.within(0.01, 0.25);
    await clock.elapse(WARM_UP_MS / 2);
    expect(slowStart.shareOf(a)).to.be.closeTo(0.5, 1e-9);
    await clock.elapse(WARM_UP_MS / 4);
    expect(slowStart.shareOf(a)).to.be.closeTo(0.75, 1e-9);
    await clock.elapse(WARM_UP_MS / 4);
    expect(slowStart.shareOf(a)).to.equal(1);
    await clock.elapse(WARM_UP_MS);
    expect(slowStart.shareOf(a)).to.equal(1);
  });

  it("never lets a share fall, nor be less than at the beginning", async () => {
    await growUp();
    turn("down", "healthy");
    let before = slowStart.shareOf(a);
    for (let step = 0; step < 100; step++) {
      await clock.elapse(WARM_UP_MS / 80);
      expect(slowStart.shareOf(a)).to.be.within(before, 1);
      before = slowStart.shareOf(a);
    }
  });

  it("is for the one that has come back, and not for the others", async () => {
    await growUp();
    turn("down", "healthy");
    expect(slowStart.shareOf(a)).to.be.below(1);
    expect(slowStart.shareOf(b)).to.equal(1);
  });

  it("goes on where an entry for the same address takes the place of another", async () => {
    await growUp();
    turn("down", "healthy");
    expect(slowStart.shareOf({ ...a, region: "eu" })).to.be.below(1);
  });

  describe("begins", () => {
    beforeEach(growUp);

    const returns: readonly (readonly [from: Health["state"], to: Health["state"]])[] = [
      ["down", "healthy"],
      ["misconfigured", "healthy"],
      ["expired", "healthy"],
      ["down", "unknown"],
      ["misconfigured", "unknown"],
      ["expired", "unknown"],
    ];
    for (const [from, to] of returns) {
      it(`where an SFU that was ${from} is ${to}`, () => {
        turn(from, to);
        expect(slowStart.shareOf(a)).to.be.below(0.5);
      });
    }

    for (const from of ["open", "half_open"] as const) {
      it(`where a breaker that was ${from} is closed`, () => {
        breaker(from, "closed");
        expect(slowStart.shareOf(a)).to.be.below(0.5);
      });
    }

    it("where an SFU joins the fleet", () => {
      events.emit("sfuAdded", { sfu: sfuOf(3) });
      expect(slowStart.shareOf(sfuOf(3))).to.be.below(0.5);
    });

    it("anew where it happens again", async () => {
      turn("down", "healthy");
      await clock.elapse(WARM_UP_MS - 1);
      turn("down", "healthy");
      expect(slowStart.shareOf(a)).to.be.below(0.5);
    });
  });

  describe("does not begin", () => {
    const steps: readonly (readonly [from: Health["state"], to: Health["state"]])[] = [
      ["unknown", "healthy"],
      ["healthy", "failing"],
      ["failing", "healthy"],
      ["failing", "down"],
      ["down", "misconfigured"],
      ["healthy", "expired"],
    ];
    for (const [from, to] of steps) {
      it(`where an SFU that was ${from} is ${to}`, async () => {
        await growUp();
        turn(from, to);
        expect(slowStart.shareOf(a)).to.equal(1);
      });
    }

    it("where a breaker opens, or is tried", async () => {
      await growUp();
      breaker("closed", "open");
      breaker("open", "half_open");
      expect(slowStart.shareOf(a)).to.equal(1);
    });

    it("while the whole gateway is that young: everybody would be new", async () => {
      await clock.elapse(WARM_UP_MS / 2);
      turn("down", "healthy");
      breaker("half_open", "closed");
      events.emit("sfuAdded", { sfu: sfuOf(3) });
      await clock.elapse(WARM_UP_MS / 2);
      turn("expired", "unknown");
      for (const sfu of [a, b, sfuOf(3)]) expect(slowStart.shareOf(sfu)).to.equal(1);
    });
  });

  it("is over for who has left", async () => {
    await growUp();
    turn("down", "healthy");
    events.emit("sfuRemoved", { sfu: a });
    expect(slowStart.shareOf(a)).to.equal(1);
  });

  it("lets who warms up stand back for as many conferences as its share leaves", async () => {
    await growUp();
    turn("down", "healthy");
    for (let quarter = 0; quarter < 4; quarter++) {
      const taken = Array.from({ length: 20_000 }, () => slowStart.standsBack(a)).filter((back) => !back);
      expect(taken.length / 20_000).to.be.closeTo(slowStart.shareOf(a), 0.015);
      await clock.elapse(WARM_UP_MS / 4);
    }
    expect(Array.from({ length: 1000 }, () => slowStart.standsBack(a))).not.to.include(true);
  });

  it("leaves nothing to chance for who does not warm up", () => {
    let asked = 0;
    const counting = createSlowStart(clock, () => asked++ / 1000, events);
    for (let time = 0; time < 10; time++) expect(counting.standsBack(a)).to.equal(false);
    expect(asked).to.equal(0);
  });
});
