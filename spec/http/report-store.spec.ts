import { expect } from "chai";
import { Events } from "../../lib/events.ts";
import { createStoreReport } from "../../lib/http/report-store.ts";
import { useFakeClock } from "../support/clock.ts";

describe("the report on the store", () => {
  const clock = useFakeClock();
  let events: Events;
  let isAway: boolean;
  let instances: string[];
  const reportWith = (isShared: boolean): ReturnType<typeof createStoreReport> =>
    createStoreReport({
      clock,
      events,
      store: { isAway: () => isAway, instances: () => instances },
      isShared,
    });
  const leave = (): void => {
    isAway = true;
    instances = ["a"];
    events.emit("store", { isAway: true, error: new Error("gone"), forMs: 0 });
  };
  beforeEach(() => {
    events = new Events();
    isAway = false;
    instances = ["a", "b", "c"];
  });

  it("is none where nothing is shared", () => {
    expect(reportWith(false)()).to.equal(null);
  });

  it("tells how many gateways there are", () => {
    const report = reportWith(true);
    expect(report()).to.deep.equal({ away: false, forSeconds: null, instances: 3 });
    instances = ["a"];
    expect(report()).to.deep.equal({ away: false, forSeconds: null, instances: 1 });
  });

  it("tells for how long the store has been away, anew each time", async () => {
    const report = reportWith(true);
    for (let time = 1; time <= 2; time++) {
      leave();
      await clock.elapse(2999);
      expect(report()).to.deep.equal({ away: true, forSeconds: 2, instances: 1 });
      await clock.elapse(60_001);
      expect(report()).to.deep.equal({ away: true, forSeconds: 63, instances: 1 });
      isAway = false;
      events.emit("store", { isAway: false, error: null, forMs: 63_000 });
      expect(report()).to.deep.equal({ away: false, forSeconds: null, instances: 1 });
      await clock.elapse(10_000);
    }
  });

  it("goes on counting where it is away for another reason now", async () => {
    const report = reportWith(true);
    leave();
    await clock.elapse(5000);
    leave();
    await clock.elapse(2000);
    expect(report()).to.deep.include({ away: true, forSeconds: 7 });
  });

  it("counts from the first look where nobody has told when it left", async () => {
    const report = reportWith(true);
    isAway = true;
    expect(report()).to.deep.include({ away: true, forSeconds: 0 });
    await clock.elapse(5000);
    expect(report()).to.deep.include({ away: true, forSeconds: 5 });
  });
});
