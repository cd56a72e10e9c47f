import { parseArgs } from "node:util";
import { systemClock } from "../lib/clock.ts";
import { contestants } from "./balance/policies.ts";
import { sentence, table } from "./balance/print.ts";
import { JUDGED, judge, type Metric, estimateOf, type Result, type Verdict } from "./balance/results.ts";
import { scenarios, type Scenario } from "./balance/scenarios.ts";
import { simulate } from "./balance/simulation.ts";
import { drawConferences } from "./balance/workload.ts";

/*
 * How evenly do conferences spread? Simulates fleets on a virtual clock, minute by minute what a morning brings, with the
 * gateway's own code in one place and what others do in the others, all with the very same conferences. Exits with 1
 * where ours is worse than the best by more than 2 % and more than chance accounts for.
 *
 *   npm run bench:balance                       three or four minutes
 *   npm run bench:balance -- --quick            half a minute, less exact
 *   npm run bench:balance -- --scenario regions --seeds 20
 */
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    seeds: { type: "string" },
    scenario: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const SEEDS = Number(values.seeds ?? (values.quick ? 1 : 4));
const FIRST_SEED = Number(values.seed);
if (!Number.isSafeInteger(SEEDS) || SEEDS < 1) throw new Error("expected a whole number from 1 for --seeds");
if (!Number.isSafeInteger(FIRST_SEED)) throw new Error("expected a whole number for --seed");
/** So far apart that no two runs share a stream of chance. */
const BETWEEN_SEEDS = 10_007;

const METRICS: readonly Metric[] = [...JUDGED, "turnedAway"];

function run(scenario: Scenario): Result[] {
  const runs = Array.from({ length: SEEDS * scenario.runs }, (_, index) => {
    const seed = (FIRST_SEED + index) * BETWEEN_SEEDS;
    return { seed, conferences: drawConferences(scenario, seed) };
  });
  // Nothing but a death makes members ask again, and only then is it the affinity that keeps them together.
  const hasDeaths = scenario.fleet.some(({ outages }) => outages.length > 0);
  const entrants = contestants.filter(({ hasAffinity }) => hasAffinity || hasDeaths);
  return entrants.map(({ name, policy, hasAffinity, counts }) => ({
    policy: name,
    counts,
    outcomes: runs.map(({ seed, conferences }) => simulate({ scenario, conferences, seed, policy, hasAffinity })),
  }));
}

const print = (line: string): void => {
  if (!values.json) process.stdout.write(`${line}\n`);
};

const startedMs = systemClock.monotonic();
const chosen = scenarios.filter(({ name, isLong }) => name.includes(values.scenario) && !(values.quick && isLong));
if (chosen.length === 0)
  throw new Error(`no such scenario; there are: ${scenarios.map(({ name }) => name).join("; ")}`);
const report: { scenario: string; runs: number; results: object[]; verdicts: Verdict[] }[] = [];
for (const scenario of chosen) {
  const runs = SEEDS * scenario.runs;
  const results = run(scenario);
  const verdicts = JUDGED.map((metric) => judge(results, metric));
  print(`\n${scenario.name}: the mean of ${String(runs)} runs\n\n${table(results)}\n`);
  for (const verdict of verdicts) print(`  ${sentence(verdict)}`);
  const estimates = results.map((result) => ({
    policy: result.policy,
    ...Object.fromEntries(METRICS.map((metric) => [metric, estimateOf(result, metric)])),
  }));
  report.push({ scenario: scenario.name, runs, results: estimates, verdicts });
}

const all = report.flatMap(({ scenario, verdicts }) => verdicts.map((verdict) => ({ scenario, ...verdict })));
const countOf = (kind: Verdict["kind"]): string => String(all.filter((verdict) => verdict.kind === kind).length);
const seconds = ((systemClock.monotonic() - startedMs) / 1000).toFixed(0);
print(
  `\nOf ${String(all.length)} comparisons with the best of the others ours is best in ${countOf("best")}, within 2 % in ` +
    `${countOf("within 2 %")}, unclear in ${countOf("unclear")}, worse in ${countOf("worse")} (${seconds} s).`,
);
for (const verdict of all.filter(({ kind }) => kind === "worse"))
  print(`WORSE  ${verdict.scenario}: ${sentence(verdict)}`);
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exitCode = all.some(({ kind }) => kind === "worse") ? 1 : 0;
