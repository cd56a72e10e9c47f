import { expect } from "chai";
import { createListening, type Listening } from "../../../lib/sfu/sources/listening.ts";
import { useFakeClock } from "../../support/clock.ts";

const INTERVAL_MS = 1000;

describe("the time in which SFUs can be heard", () => {
  const clock = useFakeClock();
  let nowMs: number;
  let isAway: boolean;
  let listening: Listening;
  beforeEach(() => {
    nowMs = 5000;
    isAway = false;
    listening = createListening({ ...clock, monotonic: () => nowMs }, INTERVAL_MS, () => isAway);
  });

  /** How much of it passes, in milliseconds that go by as `step` says. */
  const passes = (of: keyof Listening, step: () => void): number => {
    const before = listening[of]();
    step();
    return listening[of]() - before;
  };
  const ticks = (count: number): void => {
    for (let tick = 0; tick < count; tick++) {
      nowMs += INTERVAL_MS;
      listening.here();
    }
  };

  it("is all time, as long as nothing happens", () => {
    expect(passes("here", () => ticks(10))).to.equal(10_000);
    expect(passes("anywhere", () => ticks(10))).to.equal(10_000);
  });

  it("is none of it while the gateway is stopped", () => {
    const stop = (): void => void (nowMs += 600_000);
    expect(passes("here", stop)).to.equal(INTERVAL_MS);
    expect(passes("anywhere", stop)).to.equal(INTERVAL_MS);
  });

  it("is here, and not elsewhere, while the others cannot be heard", () => {
    isAway = true;
    listening.here();
    expect(passes("here", () => ticks(10))).to.equal(10_000);
    expect(passes("anywhere", () => ticks(10))).to.equal(0);
    isAway = false;
    listening.here();
    expect(passes("anywhere", () => ticks(10))).to.equal(10_000);
  });

  it("is not held against anybody where nobody knows when exactly the others went, or came back", () => {
    const going = passes("anywhere", () => {
      nowMs += 700;
      isAway = true;
    });
    const coming = passes("anywhere", () => {
      nowMs += 700;
      isAway = false;
    });
    expect([going, coming]).to.deep.equal([0, 0]);
  });

  it("is counted once that the gateway was stopped while the others were away", () => {
    isAway = true;
    listening.here();
    const lost = passes("anywhere", () => {
      nowMs += 600_000;
    });
    expect(lost).to.equal(0);
    isAway = false;
    listening.here();
    expect(passes("anywhere", () => ticks(5))).to.equal(5000);
  });
});
