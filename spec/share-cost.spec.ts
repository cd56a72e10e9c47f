import { expect } from "chai";
import { shareCost } from "../lib/share-cost.ts";
import { useFakeClock } from "./support/clock.ts";
import { sleep } from "../lib/clock.ts";

describe("what is shared for its cost", () => {
  const clock = useFakeClock();
  let made: number;
  let tookMs: number;
  beforeEach(() => {
    made = 0;
    tookMs = 0;
  });
  const shared = (): (() => Promise<number>) =>
    shareCost(clock, async () => {
      await sleep(clock, tookMs);
      return ++made;
    });
  /** One that is asked for while nobody else asks. */
  const asked = async (get: () => Promise<number>): Promise<number> => {
    const result = get();
    await clock.elapse(tookMs);
    return result;
  };

  it("is made once for all who ask while it is being made", async () => {
    tookMs = 100;
    const get = shared();
    const results = [get(), get()];
    await clock.elapse(50);
    results.push(get());
    await clock.elapse(50);
    expect(await Promise.all(results)).to.deep.equal([1, 1, 1]);
  });

  it("is made anew each time where it is cheap", async () => {
    tookMs = 9;
    const get = shared();
    expect(await asked(get)).to.equal(1);
    expect(await asked(get)).to.equal(2);
  });

  it("is kept for nine times as long as it took where it is not, so that it takes a tenth of the time", async () => {
    tookMs = 100;
    const get = shared();
    expect(await asked(get)).to.equal(1);
    await clock.elapse(899);
    expect(await get()).to.equal(1);
    await clock.elapse(1);
    expect(await asked(get)).to.equal(2);
  });

  it("is tried again by the next one where it could not be made", async () => {
    let isFailing = true;
    const get = shareCost(clock, async () => {
      await sleep(clock, 100);
      if (isFailing) throw new Error("no");
      return "made";
    });
    const results = Promise.allSettled([get(), get()]);
    await clock.elapse(100);
    expect((await results).map(({ status }) => status)).to.deep.equal(["rejected", "rejected"]);
    isFailing = false;
    const next = get();
    await clock.elapse(100);
    expect(await next).to.equal("made");
  });
});
