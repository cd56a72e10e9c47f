import { expect } from "chai";
import { type EventMap, Events } from "../../lib/events.ts";
import { tellBusyTimes } from "../../lib/http/busy-times.ts";
import { useFakeClock } from "../support/clock.ts";

describe("what is told of busy times", () => {
  const clock = useFakeClock();
  let events: Events;
  let told: EventMap["busy"][];
  let stop: () => void;
  beforeEach(() => {
    events = new Events();
    told = [];
    events.on("busy", (busy) => told.push(busy));
    stop = tellBusyTimes({ clock, events, admission: { inFlight: 3 } });
  });
  afterEach(() => stop());
  const turnAway = (count: number): void => {
    for (let time = 0; time < count; time++) events.emit("turnedAway", { isCall: true, why: "too_busy" });
  };

  it("is once a second how many were turned away, and once how many in all", async () => {
    turnAway(800);
    expect(told).to.deep.equal([]);
    await clock.elapse(500);
    turnAway(12);
    await clock.elapse(500);
    expect(told).to.deep.equal([{ turnedAway: 812, forMs: 1000, inFlight: 3, isOver: false }]);
    turnAway(8);
    await clock.elapse(2000);
    expect(told.slice(1)).to.deep.equal([
      { turnedAway: 8, forMs: 2000, inFlight: 3, isOver: false },
      { turnedAway: 820, forMs: 3000, inFlight: 3, isOver: true },
    ]);
    await clock.elapse(60_000);
    expect(told).to.have.length(3);
  });

  it("is nothing of those who were gone", async () => {
    events.emit("turnedAway", { isCall: true, why: "caller_gone" });
    await clock.elapse(5000);
    expect(told).to.deep.equal([]);
  });

  it("begins anew with the next time", async () => {
    turnAway(1);
    await clock.elapse(10_000);
    turnAway(2);
    await clock.elapse(2000);
    expect(told.slice(2)).to.deep.equal([
      { turnedAway: 2, forMs: 1000, inFlight: 3, isOver: false },
      { turnedAway: 2, forMs: 2000, inFlight: 3, isOver: true },
    ]);
  });

  it("leaves no timer behind", async () => {
    expect(clock.timers()).to.equal(0);
    turnAway(1);
    stop();
    expect(clock.timers()).to.equal(0);
    turnAway(1);
    await clock.elapse(3000);
    stop();
    expect(clock.timers()).to.equal(0);
  });
});
