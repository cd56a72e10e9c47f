import { expect } from "chai";
import { createFloodGate, type FloodGate, type LeftOut, MAX_SENDERS } from "../lib/flood-gate.ts";
import { useFakeClock } from "./support/clock.ts";

const MINUTE_MS = 60_000;

describe("a gate for floods", () => {
  const clock = useFakeClock();
  let told: LeftOut[];
  let gate: FloodGate;
  beforeEach(() => {
    told = [];
    gate = createFloodGate(clock, (leftOut) => told.push(leftOut));
  });
  afterEach(() => gate.close());

  /** How many of `times` get a line. */
  const send = (times: number, sender = "a", kind = "refused"): number => {
    let lines = 0;
    for (let count = 0; count < times; count++) if (gate.admits(kind, sender)) lines++;
    return lines;
  };

  it("lets five of one sender through within a minute, and tells of the others when it is over", async () => {
    expect(send(4125)).to.equal(5);
    await clock.elapse(MINUTE_MS - 1);
    expect(told).to.deep.equal([]);
    await clock.elapse(1);
    expect(told).to.deep.equal([{ kind: "refused", count: 4120, senders: 1 }]);
  });

  it("lets twenty of a kind through, whoever they are of, and counts of how many the others were", async () => {
    let lines = 0;
    for (let sender = 0; sender < 100; sender++) lines += send(10, String(sender));
    expect(lines).to.equal(20);
    await clock.elapse(MINUTE_MS);
    // The first four have had five lines each, and go on.
    expect(told).to.deep.equal([{ kind: "refused", count: 980, senders: 100 }]);
  });

  it("leaves room for another sender, and for another kind", () => {
    expect(send(10_000)).to.equal(5);
    expect(send(1, "b")).to.equal(1);
    expect(send(10_000, "a", "another")).to.equal(5);
  });

  it("begins anew after a minute, and keeps nothing going where nothing comes", async () => {
    send(10);
    await clock.elapse(MINUTE_MS);
    expect(clock.timers()).to.equal(0);
    expect(send(10)).to.equal(5);
    await clock.elapse(10 * MINUTE_MS);
    expect(told).to.deep.equal([
      { kind: "refused", count: 5, senders: 1 },
      { kind: "refused", count: 5, senders: 1 },
    ]);
    expect(clock.timers()).to.equal(0);
  });

  it("says nothing where nothing was left out", async () => {
    send(5);
    await clock.elapse(MINUTE_MS);
    expect(told).to.deep.equal([]);
  });

  it("counts senders up to a number that nobody has to be exact beyond", async () => {
    for (let sender = 0; sender < 3 * MAX_SENDERS; sender++) send(1, String(sender));
    await clock.elapse(MINUTE_MS);
    expect(told).to.deep.equal([{ kind: "refused", count: 3 * MAX_SENDERS - 20, senders: MAX_SENDERS }]);
  });

  it("tells what is left when it is closed", () => {
    send(7);
    gate.close();
    gate.close();
    expect(told).to.deep.equal([{ kind: "refused", count: 2, senders: 1 }]);
    expect(clock.timers()).to.equal(0);
  });
});
