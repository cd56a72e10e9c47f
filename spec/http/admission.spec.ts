import { expect } from "chai";
import { type Admission, createAdmission, type Errand } from "../../lib/http/admission.ts";
import { createMachine, type Machine } from "../support/machine.ts";

describe("the admission of requests", () => {
  let machine: Machine;
  let admission: Admission;
  let maxRequests: number;
  let standingMs: number;
  /** Of those that were let in and have not ended. */
  let ends: (() => void)[];
  beforeEach(() => {
    machine = createMachine();
    maxRequests = 2000;
    ends = [];
    standingMs = 0;
    admission = createAdmission({
      ...machine,
      backlog: { standingMs: () => standingMs },
      maxRequests: () => maxRequests,
    });
  });

  /** How many of so many are let in, all at one moment. */
  const ask = (count: number, errand: Errand = "call", isFirst = true): number => {
    const letIn = Array.from({ length: count }, () => admission.admit(errand, isFirst)).filter((end) => end !== null);
    ends.push(...letIn);
    return letIn.length;
  };
  const endAll = (): void => ends.splice(0).forEach((end) => end());
  /** A process that does nothing but requests, each of which takes so long; for so long. */
  const serve = (costMs: number, forMs: number): void => {
    for (let doneMs = 0; doneMs < forMs; doneMs += costMs) {
      ask(1);
      machine.work(costMs);
      endAll();
    }
    machine.rest(1);
  };

  it("lets in whatever comes while there is time for it", () => {
    for (let time = 0; time < 1000; time++) {
      expect(ask(1)).to.equal(1);
      machine.work(1);
      endAll();
      machine.rest(0.1);
    }
  });

  it("has a hard bound on requests under way, whatever they wait for, and heeds another one at once", () => {
    maxRequests = 5;
    for (let time = 0; time < 5; time++) {
      expect(ask(1)).to.equal(1);
      machine.rest(10);
    }
    expect(ask(3)).to.equal(0);
    expect(admission.inFlight).to.equal(5);
    ends.shift()?.();
    expect(ask(2)).to.equal(1);
    maxRequests = 7;
    expect(ask(3)).to.equal(2);
  });

  it("lets calls in, however many other requests never come to their end", () => {
    maxRequests = 5;
    for (let time = 0; time < 9; time++) admission.admit("other", false);
    expect(admission.inFlight).to.equal(5);
    expect(ask(9)).to.equal(5);
  });

  it("lets two thousand wait for SFUs that hang: they need no processor", () => {
    for (let time = 0; time < 2000; time++) {
      expect(ask(1)).to.equal(1);
      machine.work(1);
      machine.rest(0.5);
    }
    expect(admission.inFlight).to.equal(2000);
  });

  it("lets in of a burst what can be answered within a second", () => {
    serve(1, 900);
    serve(1, 900);
    machine.rest(100);
    expect(ask(3000)).to.be.within(600, 1100);
  });

  it("learns what a request costs: where each takes longer, fewer are let in", () => {
    serve(1, 900);
    const cheap = ask(3000);
    endAll();
    machine.rest(10_000);
    for (let time = 0; time < 20; time++) serve(10, 900);
    machine.rest(10_000);
    expect(ask(3000)).to.be.within(90, cheap / 3);
  });

  it("learns nothing from a process that has other things to do now and then", () => {
    serve(1, 900);
    const before = ask(3000);
    endAll();
    machine.rest(10_000);
    for (let time = 0; time < 1000; time++) {
      ask(1);
      machine.work(40);
      endAll();
      machine.rest(500);
    }
    expect(ask(3000)).to.be.within(before * 0.9, before * 1.1);
  });

  it("turns away one for each that it lets in where the kernel's queue has stood for a second, on its guard or not", () => {
    const letIn = (standing: number, errand?: Errand): number => {
      standingMs = standing;
      machine.work(standing);
      const count = ask(20, errand);
      endAll();
      machine.rest(10);
      return count;
    };
    expect(letIn(1000)).to.equal(20);
    expect(letIn(1001)).to.equal(10);
    expect(letIn(1000)).to.equal(20);
    expect(letIn(1001, "other")).to.equal(10);
    expect(letIn(500)).to.equal(20);
    machine.rest(5001);
    expect(letIn(1000)).to.equal(20);
  });

  it("turns nobody away there whose turn would come soon enough, were the queue as long as it can be", () => {
    const costMs = 0.5;
    serve(costMs, 10_000);
    standingMs = 60_000;
    for (let doneMs = 0; doneMs < 5000; doneMs += costMs) {
      expect(ask(1)).to.equal(1);
      machine.work(costMs);
      endAll();
    }
  });

  it("takes nobody for having stood in it where the loop has rested meanwhile: it was empty then", () => {
    standingMs = 5000;
    machine.work(3000);
    machine.rest(1);
    machine.work(900);
    expect(ask(20)).to.equal(20);
  });

  it("does not have those pay for the kernel's queue who did not stand in it", () => {
    standingMs = 5000;
    machine.work(5000);
    expect(ask(100, "call", false)).to.equal(100);
    endAll();
    const [first, later] = [ask(1), ask(1, "call", false)];
    expect([first, later, ask(1), ask(1)]).to.deep.equal([0, 1, 1, 0]);
  });

  it("turns nobody away where the loop never rests, if what it has in hand is soon done", () => {
    for (let time = 0; time < 5000; time++) {
      expect(ask(1)).to.equal(1);
      machine.work(1);
      endAll();
    }
  });

  it("has less patience with calls while it is on its guard, and for nothing else; for five seconds", () => {
    serve(1, 900);
    ask(3000);
    endAll();
    machine.rest(100);
    expect(ask(3000)).to.be.within(120, 250);
    expect(ask(3000, "other"), "heartbeats and disconnects").to.be.above(500);
    endAll();
    machine.rest(5001);
    expect(ask(700)).to.equal(700);
  });

  it("does not take a process that was stopped for one that has too much to do", () => {
    ask(1);
    machine.work(5);
    machine.stop(3000);
    expect(ask(20)).to.equal(20);
  });

  it("does not count those that were let in before the loop rested: they wait for somebody else", () => {
    serve(1, 900);
    machine.rest(1);
    const first = ask(3000);
    machine.rest(5001);
    maxRequests = 10_000;
    expect(ask(first)).to.equal(first);
  });
});
