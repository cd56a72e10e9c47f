import { expect } from "chai";
import { createUnderWay, type UnderWay } from "../../lib/http/under-way.ts";
import { useFakeClock } from "../support/clock.ts";

describe("work that is under way", () => {
  const clock = useFakeClock();
  let underWay: UnderWay;
  beforeEach(() => {
    underWay = createUnderWay(clock);
  });

  /** Begins to wait. @returns whether that is over by now */
  const waiting = (withinMs: number): (() => boolean) => {
    let isOver = false;
    void underWay.ended(withinMs).then(() => (isOver = true));
    return () => isOver;
  };

  it("ends as it would have ended", async () => {
    const error = new Error("so");
    expect(await underWay.add(Promise.resolve(7))).to.equal(7);
    expect(await underWay.add(Promise.reject(error)).catch((thrown: unknown) => thrown)).to.equal(error);
  });

  it("is not waited for where there is none, or none any more", async () => {
    await underWay.ended(1000);
    await underWay.add(Promise.resolve());
    await underWay.add(Promise.reject(new Error("so"))).catch(() => undefined);
    await underWay.ended(1000);
    expect(clock.timers()).to.equal(0);
  });

  it("is waited for until the last has ended, well or not", async () => {
    const [one, two] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
    underWay.add(one.promise).catch(() => undefined);
    void underWay.add(two.promise);
    const isOver = waiting(1000);
    one.reject(new Error("so"));
    await clock.elapse(500);
    expect(isOver()).to.be.false;
    two.resolve(null);
    await clock.elapse(0);
    expect(isOver()).to.be.true;
    expect(clock.timers()).to.equal(0);
  });

  it("is waited for no longer than there is time", async () => {
    void underWay.add(new Promise(() => undefined));
    const [isOver, isOverAtOnce] = [waiting(1000), waiting(-5)];
    await clock.elapse(999);
    expect([isOver(), isOverAtOnce()]).to.deep.equal([false, true]);
    await clock.elapse(1);
    expect(isOver()).to.be.true;
  });
});
