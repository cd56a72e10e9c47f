import { expect } from "chai";
import { faultsSection } from "../../bench/performance/faults-section.ts";
import type { FaultResult } from "../../bench/performance/faults.ts";
import type { ScenarioResult, Times } from "../../bench/performance/faults/columns.ts";
import { verdictsOf } from "../../bench/performance/faults/verdicts.ts";

const times = (p50Ms: number, p99Ms: number, worstMs: number): Times => ({ p50Ms, p99Ms, worstMs });

const scenario = (parts: Partial<ScenarioResult> = {}): ScenarioResult => ({
  fault: "refuse",
  victims: 1,
  calls: 1600,
  inTime: 1600,
  lost: {},
  healthy: times(2, 4, 9),
  during: times(2, 5, 12),
  settled: times(2, 4.1, 9),
  tries: 7,
  leftAfterMs: 300,
  backAfterMs: 1500,
  callersLateMs: 0.5,
  ...parts,
});

const result = (ours: readonly ScenarioResult[], theirs: readonly ScenarioResult[]): FaultResult => ({
  pace: { perSecond: 200, healthyMs: 4000, faultMs: 8000, flappingMs: 15_000, backMs: 15_000 },
  peers: [
    { name: "SFU Gateway", version: "1", scenarios: ours },
    { name: "HAProxy", version: "2", scenarios: theirs },
  ],
});

const exceptions = (of: FaultResult): readonly (readonly string[])[] => verdictsOf(of).map((one) => one.exceptions);

describe("bench: the verdicts on what was measured under fault", () => {
  it("finds nothing where all is well", () => {
    const verdicts = verdictsOf(result([scenario()], [scenario()]));
    expect(verdicts.map(({ holds }) => holds)).to.deep.equal([true, true, true]);
    expect(verdicts.flatMap((one) => one.exceptions)).to.deep.equal([]);
  });

  it("names each scenario in which a call was lost, and what it got", () => {
    const lossy = scenario({ fault: "hang", victims: 2, inTime: 1597, lost: { "status 503": 2, nothing: 1 } });
    const [lost] = exceptions(result([scenario(), lossy], [scenario()]));
    expect(lost).to.deep.equal(["hang (2): 3 of 1600 calls lost (2 status 503, 1 nothing)"]);
  });

  it("names a peer that loses fewer, by however little", () => {
    const [, better] = exceptions(result([scenario({ inTime: 1599 })], [scenario()]));
    expect(better).to.deep.equal(["not in time, HAProxy: refuse (1) 0.0 % to our 0.1 %"]);
  });

  it("takes a difference as large as between two healthy times for nothing", () => {
    const healthy = [2, 2.2, 2.4, 2.6].map((ms) => scenario({ healthy: times(ms, 4, 9) }));
    const slower = healthy.map((one) => ({ ...one, during: times(2.5, 5, 12) }));
    expect(exceptions(result(slower, healthy))[1]).to.deep.equal([]);
    const muchSlower = healthy.map((one) => ({ ...one, during: times(3, 5, 12) }));
    const [, better] = exceptions(result(muchSlower, healthy));
    expect(better).to.have.length(1);
    expect(better?.[0]).to.match(/^p50, HAProxy: refuse \(1\) 2\.0 ms to our 3\.0 ms; /);
  });

  it("names a peer that leaves a faulty SFU earlier, or at all", () => {
    const [, never] = exceptions(result([scenario({ leftAfterMs: null, backAfterMs: null })], [scenario()]));
    expect(never).to.deep.equal(["left after, HAProxy: refuse (1) 0.3 s to our never"]);
    expect(exceptions(result([scenario({ leftAfterMs: 700 })], [scenario()]))[1]).to.deep.equal([]);
  });

  it("does not call it a merit of a peer to use again what it has never left", () => {
    const theirs = scenario({ leftAfterMs: null, backAfterMs: null });
    expect(exceptions(result([scenario({ backAfterMs: 9000 })], [theirs]))[1]).to.deep.equal([]);
    const [, better] = exceptions(result([scenario({ backAfterMs: 9000 })], [scenario()]));
    expect(better).to.deep.equal(["used again after, HAProxy: refuse (1) 1.5 s to our 9.0 s"]);
  });

  it("holds one dead SFU's p99 against the healthy one, and no other fault's", () => {
    const slow = { settled: times(2, 4.9, 9) };
    const [, , dead] = exceptions(result([scenario(slow)], [scenario(slow)]));
    expect(dead).to.deep.equal(["4.9 ms, allowed are 4.8"]);
    expect(exceptions(result([scenario({ ...slow, victims: 2 })], []))[2]).to.deep.equal([]);
  });

  it("has no verdict on a gateway that was not measured", () => {
    expect(verdictsOf({ ...result([], []), peers: [] })).to.deep.equal([]);
  });
});

describe("bench: the section of docs/performance.md on faults", () => {
  const theirs = scenario({ inTime: 1599, leftAfterMs: null, backAfterMs: null });
  const text = faultsSection(result([scenario(), scenario({ victims: 2, backAfterMs: null })], [theirs]));
  const rows = text.split("\n").filter((line) => line.startsWith("|"));

  it("has a row for each peer and fault", () => {
    const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
    expect(cells.filter(([, fault]) => fault === "refuse")).to.have.length(2);
    expect(cells).to.deep.include([
      "",
      "refuse",
      "SFU Gateway",
      ..."100 %,2.0,5.0,12.0,4.1,7,0.3 s,1.5 s".split(","),
      "",
    ]);
    expect(cells).to.deep.include(["", "", "HAProxy", ..."99.93 %,2.0,5.0,12.0,4.1,7,not,".split(","), ""]);
    expect(cells).to.deep.include([
      "",
      "refuse",
      "SFU Gateway",
      ..."100 %,2.0,5.0,12.0,4.1,7,0.3 s,not".split(","),
      "",
    ]);
  });

  it("says where the callers were themselves late, and nothing of it where they were not", () => {
    expect(text).not.to.include("not quiet");
    const late = scenario({ callersLateMs: 60.4 });
    expect(faultsSection(result([scenario()], [late])))
      .to.include("**The machine was not quiet**")
      .and.include("\nHAProxy, refuse (1): 60 ms.\n")
      .and.not.include("SFU Gateway, refuse");
  });

  it("never says 100 % where a call was lost", () => {
    expect(text).to.include("99.93 %");
    const one = scenario({ calls: 1_000_000, inTime: 999_999 });
    expect(faultsSection(result([one], [one])))
      .to.include("99.99 %")
      .and.not.include("100.00 %");
  });
});
