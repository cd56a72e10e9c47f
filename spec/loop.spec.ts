import { expect } from "chai";
import { loopIdleMs, loopTurn, sleep, systemClock, turnsOfTheLoop } from "../lib/clock.ts";
import { createLoop } from "../lib/loop.ts";
import { createMachine, type Machine } from "./support/machine.ts";
import { eventually } from "./support/eventually.ts";

describe("the event loop's busy stretches", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = createMachine();
  });
  const busyMs = (): number => {
    machine.loop.look();
    return machine.loop.busyMs();
  };

  it("grow for as long as it does not rest, and end with the first moment's rest", () => {
    machine.work(300);
    expect(busyMs()).to.equal(300);
    machine.rest(0.01);
    expect(busyMs()).to.equal(0);
    machine.work(5);
    expect(busyMs()).to.equal(5);
  });

  it("are told apart by their number", () => {
    const { loop } = machine;
    machine.work(10);
    const { stretch } = loop;
    machine.work(10);
    expect(loop.stretch).to.equal(stretch);
    machine.rest(1);
    loop.look();
    expect(loop.stretch).to.be.above(stretch);
  });

  it("do not count what stopped the process, which leaves no queue of its own", () => {
    machine.work(20);
    machine.stop(5000);
    expect(busyMs()).to.be.within(20, 150);
  });

  it("are those of the real one: it goes on while something is always waiting, and ends where nothing is", async () => {
    const loop = createLoop(systemClock, { idleMs: loopIdleMs, turn: loopTurn });
    await sleep(systemClock, 10);
    loop.look();
    const { stretch } = loop;
    const untilMs = systemClock.monotonic() + 60;
    while (systemClock.monotonic() < untilMs) {
      await turnsOfTheLoop(1);
      loop.look();
    }
    expect(loop.stretch).to.equal(stretch);
    // A process that is kept from running for so long has not rested.
    await eventually("the loop has rested", async () => {
      await sleep(systemClock, 10);
      loop.look();
      return loop.stretch > stretch;
    });
  });
});

describe("the event loop's lag", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = createMachine();
  });

  it("is that of three turns as long as the longest that an attempt has met with, ended or not", () => {
    const { clock, loop } = machine;
    const sinceStart = clock.monotonic();
    machine.work(400);
    machine.rest(10);
    machine.work(100);
    machine.rest(10);
    loop.look();
    machine.rest(200);
    loop.look();
    const sinceThen = clock.monotonic();
    machine.work(70);
    expect(loop.lagSince(sinceStart)).to.equal(1200);
    expect(loop.lagSince(sinceThen)).to.equal(210);
  });

  it("is seen between two looks, too, by how little it rested", () => {
    const { clock, loop } = machine;
    const since = clock.monotonic();
    machine.rest(300);
    machine.stop(500);
    machine.rest(1);
    expect(loop.lagSince(since)).to.equal(1500);
  });

  it("is nothing to speak of where it never rests, and turns quickly: each turn reads what has come", () => {
    const since = machine.clock.monotonic();
    for (let time = 0; time < 500; time++) {
      machine.work(10);
      machine.turn();
    }
    expect(machine.loop.lagSince(since)).to.be.below(50);
    expect(machine.loop.busyMs()).to.equal(5000);
  });

  it("is that of the real one", async () => {
    const loop = createLoop(systemClock, { idleMs: loopIdleMs, turn: loopTurn });
    loop.look();
    await turnsOfTheLoop(2);
    loop.look();
    const sinceMs = systemClock.monotonic();
    while (systemClock.monotonic() < sinceMs + 60) loop.look();
    expect(loop.lagSince(sinceMs)).to.be.within(170, 10_000);
    await turnsOfTheLoop(2);
    expect(loop.lagSince(sinceMs)).to.be.within(170, 10_000);
  });
});
