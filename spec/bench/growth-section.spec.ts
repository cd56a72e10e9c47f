import { expect } from "chai";
import { growthSection } from "../../bench/performance/growth-section.ts";
import { growthVerdictsOf } from "../../bench/performance/growth-verdicts.ts";
import type { GrowthResult } from "../../bench/performance/growth.ts";
import type { Calls } from "../../bench/performance/growth/calls.ts";
import type { FleetGrowth, PeerGrowth } from "../../bench/performance/growth/fleet.ts";

const calls: Calls = { callsPerSecond: 200.2, cpuUs: 321.4, busy: 0.071, p50Us: 801, p99Us: 2345 };

const peer = (parts: Partial<PeerGrowth> = {}): PeerGrowth => ({
  name: "SFU Gateway",
  idleShare: 0.061,
  idleMb: 312.4,
  calls,
  ...parts,
});

const fleet = (parts: Partial<FleetGrowth> = {}): FleetGrowth => ({
  sfus: 3000,
  servesMs: 1234,
  healthyMs: 7654,
  metrics: { medianMs: 61.2, mostMs: 90, kilobytes: 3776 },
  health: { medianMs: 12.9, mostMs: 27.4, kilobytes: 977 },
  usedMb: 358.2,
  rankingUs: 970.4,
  peers: [peer(), peer({ name: "nginx + njs", idleShare: 0, idleMb: 17, calls: null })],
  ...parts,
});

const result = (parts: Partial<GrowthResult> = {}): GrowthResult => ({
  processors: 2,
  tookS: 170,
  fleets: [fleet()],
  sharing: [{ name: "SFU Gateway", processes: 2, ...calls, busy: 1.42 }],
  assignments: [
    {
      wanted: 100_000,
      assignments: 65_207,
      residentMb: 401.3,
      metrics: { medianMs: 20.13, mostMs: 31, kilobytes: 22 },
      calls,
    },
  ],
  ...parts,
});

const rowsOf = (text: string): readonly (readonly string[])[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()));

describe("bench: the section of docs/performance.md on growth", () => {
  it("has a row for each fleet, and one for each peer in front of it", () => {
    const rows = rowsOf(growthSection(result()));
    expect(rows).to.deep.include([
      ...["", "3,000", "1.2 s", "7.7 s", "61.2 ms (90)", "3776 kB", "12.9 ms (27)", "977 kB", "970 µs", "358 MB", ""],
    ]);
    expect(rows).to.deep.include([
      ...["", "SFU Gateway", "3,000", "6.1 %", "312 MB", "321 µs", "801 µs", "2345 µs", ""],
    ]);
    expect(rows).to.deep.include(["", "nginx + njs", "3,000", "0.0 %", "17 MB", "", "", "", ""]);
  });

  it("tells how many assignments there were, and not how many were wanted", () => {
    expect(rowsOf(growthSection(result()))).to.deep.include([
      ...["", "65,207", "401 MB", "20.1 ms", "321 µs", "801 µs", "2345 µs", ""],
    ]);
  });

  it("says what limits two processes on a machine that has no processors for them", () => {
    expect(rowsOf(growthSection(result()))).to.deep.include([
      ...["", "SFU Gateway", "2", "200", "142 %", "321 µs", "2345 µs", ""],
    ]);
    expect(growthSection(result())).to.include("Of the 2 processors of this machine");
    expect(growthSection(result({ processors: 8 }))).not.to.include("of this machine");
  });

  it("leaves out what was not measured", () => {
    const text = growthSection(result({ sharing: [], assignments: [] }));
    expect(text).not.to.include("### With the processes");
    expect(text).not.to.include("### With the assignments");
  });
});

describe("bench: the verdicts on growth", () => {
  const holds = (parts: Partial<FleetGrowth>): readonly boolean[] =>
    growthVerdictsOf(result({ fleets: [fleet(parts)] })).map((one) => one.holds);

  it("judge 3,000 idle SFUs by processor and by memory", () => {
    expect(holds({})).to.deep.equal([true]);
    expect(holds({ peers: [peer({ idleShare: 0.1 })] })).to.deep.equal([false]);
    expect(holds({ peers: [peer({ idleMb: 400 })] })).to.deep.equal([false]);
  });

  it("judge a scrape of 300", () => {
    expect(holds({ sfus: 300 })).to.deep.equal([false]);
    expect(holds({ sfus: 300, metrics: { medianMs: 49.9, mostMs: 80, kilobytes: 400 } })).to.deep.equal([true]);
  });

  it("judge nothing else, and nobody else", () => {
    expect(holds({ sfus: 30 })).to.deep.equal([]);
    expect(holds({ peers: [peer({ name: "HAProxy", idleShare: 0.5 })] })).to.deep.equal([]);
  });
});
