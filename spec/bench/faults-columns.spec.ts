import { expect } from "chai";
import { columnsOf, quantile } from "../../bench/performance/faults/columns.ts";
import type { CallResult } from "../../bench/performance/faults/messages.ts";
import type { Observation } from "../../bench/performance/faults/play.ts";

const BROKEN = 10_000;
const HEALED = 18_000;

const call = (dueMs: number, tookMs = 2, outcome = "channel"): CallResult => ({ dueMs, lateMs: 0.1, tookMs, outcome });

/** One call each ten milliseconds. */
const every10 = (fromMs: number, toMs: number, tookMs = 2): readonly CallResult[] =>
  Array.from({ length: (toMs - fromMs) / 10 }, (_, index) => call(fromMs + 10 * index, tookMs));

const seen = (parts: Partial<Observation>): Observation => ({
  scenario: { fault: "hang", victims: [1] },
  calls: every10(6000, 20_000),
  brokenMs: BROKEN,
  healedMs: HEALED,
  spellMs: HEALED - BROKEN,
  triesMs: [],
  backMs: [HEALED + 700],
  strays: null,
  ...parts,
});

describe("bench: the columns of a scenario under fault", () => {
  it("tells calls before, while it is on, and from three seconds on", () => {
    const calls = [
      ...every10(6000, BROKEN - 10, 2),
      ...every10(BROKEN, BROKEN + 3000, 900),
      ...every10(BROKEN + 3000, HEALED, 5),
      ...every10(HEALED, 20_000, 40),
    ];
    const { healthy, during, settled } = columnsOf(seen({ calls }));
    expect(healthy).to.deep.equal({ p50Ms: 2, p99Ms: 2, worstMs: 2 });
    expect(during).to.deep.equal({ p50Ms: 5, p99Ms: 900, worstMs: 900 });
    expect(settled).to.deep.equal({ p50Ms: 5, p99Ms: 5, worstMs: 5 });
  });

  it("counts a call that was under way when it began", () => {
    const { calls, lost } = columnsOf(seen({ calls: [call(BROKEN - 20, 5), call(BROKEN - 1, 5, "ECONNRESET")] }));
    expect(calls).to.equal(1);
    expect(lost).to.deep.equal({ ECONNRESET: 1 });
  });

  it("takes a quick refusal for no better than silence", () => {
    const { inTime, calls, during } = columnsOf(seen({ calls: [call(11_000, 1, "status 503"), call(12_000)] }));
    expect([inTime, calls]).to.deep.equal([1, 2]);
    expect(during.worstMs).to.equal(3000);
  });

  it("takes what came after three seconds for lost, be it a channel", () => {
    expect(columnsOf(seen({ calls: [call(11_000, 3001)] })).inTime).to.equal(0);
  });

  it("has nothing from three seconds on where the fault was over by then", () => {
    expect(columnsOf(seen({ healedMs: BROKEN + 2500, spellMs: 2500 })).settled).to.equal(null);
  });

  it("finds it left after the last of its many tries", () => {
    const triesMs = [0, 100, 200, 400].map((ms) => BROKEN + ms);
    const { leftAfterMs, tries } = columnsOf(seen({ triesMs }));
    expect([leftAfterMs, tries]).to.deep.equal([0, 4]);
    const many = Array.from({ length: 50 }, (_, index) => BROKEN + 20 * index);
    expect(columnsOf(seen({ triesMs: many })).leftAfterMs).to.be.within(800, 980);
  });

  it("takes trials now and then for no calls", () => {
    const triesMs = [...Array.from({ length: 30 }, (_, index) => BROKEN + 10 * index), BROKEN + 3000, BROKEN + 6000];
    expect(columnsOf(seen({ triesMs })).leftAfterMs).to.be.at.most(290);
  });

  it("takes what is refused for probes where it is one a second, and no more", () => {
    const refused = (everyMs: number): readonly number[] =>
      Array.from({ length: 8000 / everyMs }, (_, index) => BROKEN + everyMs * index);
    const slowly = every10(6000, 20_000).filter((_, index) => index % 10 === 0);
    const leftAfter = (fault: "refuse" | "hang", everyMs: number): number | null =>
      columnsOf(seen({ scenario: { fault, victims: [1] }, calls: slowly, triesMs: refused(everyMs) })).leftAfterMs;
    expect(leftAfter("refuse", 1000)).to.equal(0);
    expect(leftAfter("hang", 1000)).to.equal(null);
    expect(leftAfter("refuse", 500)).to.equal(null);
  });

  it("finds it never left where it got calls to the end, and so never used again", () => {
    const triesMs = Array.from({ length: 160 }, (_, index) => BROKEN + 50 * index);
    const { leftAfterMs, backAfterMs } = columnsOf(seen({ triesMs }));
    expect([leftAfterMs, backAfterMs]).to.deep.equal([null, null]);
  });

  it("has the longest of the spells of one that comes and goes", () => {
    const part = (fromMs: number, length: number): readonly number[] =>
      Array.from({ length }, (_, index) => fromMs + 10 * index);
    const triesMs = [...part(BROKEN, 20), ...part(BROKEN + 10_000, 90)];
    const healedMs = BROKEN + 15_000;
    const flapping = { scenario: { fault: "flapping", victims: [0] }, healedMs, spellMs: 5000, triesMs } as const;
    const { leftAfterMs } = columnsOf(seen({ ...flapping, calls: every10(6000, 26_000), backMs: [healedMs + 1] }));
    expect(leftAfterMs).to.be.within(800, 890);
  });

  it("is used again when the last of them is", () => {
    const scenario = { fault: "hang", victims: [1, 2] } as const;
    expect(columnsOf(seen({ scenario, backMs: [HEALED + 100, HEALED + 900] })).backAfterMs).to.equal(900);
    expect(columnsOf(seen({ scenario, backMs: [HEALED + 100, null] })).backAfterMs).to.equal(null);
  });

  it("takes quantiles by the nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.99)]).to.deep.equal([50, 99, 7]);
  });
});
