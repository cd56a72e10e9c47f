import { expect } from "chai";
import { documentOf } from "../../bench/performance/report/document.ts";
import { optionsIn } from "../../bench/performance/report/options.ts";
import type { Report } from "../../bench/performance/report/report.ts";
import { verdictsOf } from "../../bench/performance/report/verdicts.ts";
import type { Peer } from "../../bench/performance/peer.ts";
import { direct } from "../../bench/performance/peers/direct.ts";
import { floor } from "../../bench/performance/peers/floor.ts";
import { gateway } from "../../bench/performance/peers/gateway.ts";
import { nginx } from "../../bench/performance/peers/nginx.ts";
import { figuresOf, type SteadyRun, troublesOf } from "../../bench/performance/steady-figures.ts";
import { type Load, LOADS, rangeOf, tokensFor } from "../../bench/performance/steady-loads.ts";

const load = (name: Load["name"]): Load => LOADS.find((one) => one.name === name)!;

interface Seen {
  readonly cpuS: number | null;
  readonly p99Us?: number;
  readonly failed?: number;
}

/** A thousand calls in two seconds. */
function run(peer: Peer, name: Load["name"], round: number, { cpuS, p99Us = 1000, failed = 0 }: Seen): SteadyRun {
  const result = { calls: 1000, seconds: 2, failed, refused: failed, p50Us: 100, p99Us, maxUs: 5000 };
  return { peer, load: load(name), round, cpuS, ...result };
}

/** As of one run, with these calls in it. */
function reportOf(runs: readonly SteadyRun[], isBrief = false): Report {
  const peers = [gateway, nginx, floor, direct].map((peer) => ({
    name: peer.name,
    residentMb: peer === direct ? null : 100,
    figures: LOADS.map((one) => figuresOf(runs, peer, one)),
  }));
  const machine = {
    processor: "a processor",
    processors: 2,
    memoryMb: 2048,
    system: "Linux 6",
    node: "24.0.0",
    load: 0,
  };
  const steady = { wrk: "4.1.0", rounds: 1, connections: 32, isPinned: true, tookS: 1, peers, troubles: [] };
  const versions = [
    { peer: gateway.name, version: "1.2.3" },
    { peer: nginx.name, version: null },
  ];
  return {
    date: "2026-01-05T08:30:00.000Z",
    isBrief,
    machine,
    versions,
    tookS: 600,
    steady,
    faults: null,
    growth: null,
  };
}

describe("bench/performance/report", () => {
  const runsWith = (ours: number, added: number): readonly SteadyRun[] => [
    run(gateway, "fresh", 0, { cpuS: ours }),
    run(floor, "fresh", 0, { cpuS: 0.1 }),
    run(gateway, "1000/s", 0, { cpuS: 0.1, p99Us: 500 + added }),
    run(nginx, "1000/s", 0, { cpuS: 0.1, p99Us: 600 }),
    run(direct, "1000/s", 0, { cpuS: null, p99Us: 500 }),
  ];
  const holding = (report: Report): readonly boolean[] => verdictsOf(report).map(({ holds }) => holds);

  it("compares the processor time of a call with the floor's, and only of the same round", () => {
    const runs = [
      run(gateway, "fresh", 0, { cpuS: 0.2 }),
      run(floor, "fresh", 0, { cpuS: 0.1 }),
      run(gateway, "fresh", 1, { cpuS: 0.9 }),
      run(floor, "fresh", 1, { cpuS: 0.3 }),
      run(gateway, "fresh", 2, { cpuS: 0.8 }),
      run(floor, "repeated", 2, { cpuS: 0.1 }),
    ];
    const { toFloor, cpuUs, busy } = figuresOf(runs, gateway, load("fresh"));
    expect(toFloor!.median).to.be.closeTo(2.5, 1e-9);
    expect([toFloor!.least, toFloor!.most].map((value) => value.toFixed(6))).to.deep.equal(["2.000000", "3.000000"]);
    expect(cpuUs).to.deep.equal({ median: 800, least: 200, most: 900 });
    expect(busy!.most).to.equal(0.45);
  });

  it("judges what must hold by the figures", () => {
    expect(holding(reportOf(runsWith(0.2, 150)))).to.deep.equal([true, true]);
    expect(holding(reportOf(runsWith(0.22, 150)))).to.deep.equal([false, true]);
    expect(holding(reportOf(runsWith(0.2, 250)))).to.deep.equal([true, false]);
  });

  it("judges nothing in a brief run, nor what was not measured", () => {
    expect(verdictsOf(reportOf(runsWith(9, 9000), true))).to.be.empty;
    const withoutNginx = runsWith(0.2, 150).filter(({ peer }) => peer !== nginx);
    expect(verdictsOf(reportOf(withoutNginx))).to.have.lengthOf(1);
  });

  it("names calls that failed", () => {
    expect(troublesOf(run(gateway, "fresh", 0, { cpuS: 1 }))).to.be.empty;
    expect(troublesOf(run(gateway, "fresh", 0, { cpuS: 1, failed: 7 }))).to.deep.equal([
      "SFU Gateway, fresh: 7 of 1000 calls failed, 7 of them by their answer",
    ]);
    expect(troublesOf({ ...run(nginx, "fresh", 0, { cpuS: 1 }), calls: 0 })).to.have.lengthOf(1);
  });

  it("writes a page with the figures, the verdicts and who was left out", async () => {
    const page = await documentOf(reportOf(runsWith(0.22, 150)), "docs/performance.md");
    expect(page).to.match(/^# Performance\n/);
    expect(page).to.contain(
      "**does not hold**: processor time of a call: at most 2.1 times the bare floor (it is 2.20",
    );
    expect(page).to.contain("Not installed, and left out: nginx + njs.");
    expect(page).to.match(/^\| SFU Gateway +\| +220 \| +2\.20 \| +500 \| +11 % \|$/m);
  });

  it("asks for each conference once, until the gateway has forgotten it", () => {
    const ranges = LOADS.flatMap((one) => Array.from({ length: one.sets }, (_, round) => rangeOf(one, round, LOADS)));
    const inOrder = ranges.toSorted((a, b) => a.first - b.first);
    for (const [index, { first, count }] of inOrder.entries()) {
      expect(first + count).to.equal(inOrder[index + 1]?.first ?? tokensFor(LOADS));
    }
    expect(rangeOf(load("fresh"), 3, LOADS)).to.deep.equal(rangeOf(load("fresh"), 0, LOADS));
  });
});

describe("bench/performance: its options", () => {
  it("takes all parts unless one is named", () => {
    expect(optionsIn([])).to.deep.equal({
      brief: false,
      parts: ["steady", "faults", "growth"],
      writes: false,
      json: null,
      from: null,
    });
    expect(optionsIn(["--only", "faults", "--brief"]).parts).to.deep.equal(["faults"]);
  });

  it("refuses what it does not know, and what would write half a page", () => {
    for (const args of [
      ["--quick"],
      ["steady"],
      ["--only", "weather"],
      ["--write", "--brief"],
      ["--write", "--only", "steady"],
      ["--from", "a.json", "--brief"],
    ]) {
      expect(() => optionsIn(args), args.join(" ")).to.throw(TypeError);
    }
  });
});
