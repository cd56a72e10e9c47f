import type { Outcome } from "./simulation.ts";

/** Of a number of runs, with how far the mean may be off: its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** One policy in one scenario. */
export interface Result {
  readonly policy: string;
  /** Whether ours is measured against it. */
  readonly counts: boolean;
  /** One a run, in the same order for every policy: the same conferences. */
  readonly outcomes: readonly Outcome[];
}

export type Metric = keyof Outcome;

/** What is judged: how much more than the best ours may have, as a factor and as an amount. */
const TOLERANCES = {
  meanImbalance: { factor: 1.02, amount: 0 },
  peakImbalance: { factor: 1.02, amount: 0 },
  overloaded: { factor: 1.02, amount: 0.001 },
  splits: { factor: 1, amount: 0 },
} as const satisfies Partial<Record<Metric, { factor: number; amount: number }>>;

export type JudgedMetric = keyof typeof TOLERANCES;

export const JUDGED = Object.keys(TOLERANCES) as readonly JudgedMetric[];

/**
 * How many standard errors a difference has to have to be no chance: Student's t at 99.9 %, one-sided, by how many runs
 * there are at least. There are hundreds of comparisons, and each of a few runs.
 */
const ERRORS = [
  [2, 318],
  [3, 22.3],
  [4, 10.2],
  [5, 7.2],
  [6, 5.9],
  [8, 4.8],
  [12, 4],
  [18, 3.6],
  [36, 3.3],
  [100, 3.2],
] as const;

export interface Verdict {
  readonly metric: JudgedMetric;
  /**
   * `unclear` where ours is worse by more than 2 %, and that is within what the runs differ by: it takes more of them to
   * tell.
   */
  readonly kind: "best" | "within 2 %" | "unclear" | "worse";
  readonly ours: number;
  readonly best: { readonly policy: string; readonly mean: number };
  /** Ours less the best one, run by run. */
  readonly difference: Estimate;
}

export function estimate(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, error: Infinity };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

export function estimateOf({ outcomes }: Result, metric: Metric): Estimate {
  return estimate(outcomes.map((outcome) => outcome[metric]));
}

/** @param results ours first */
export function judge([ours, ...others]: readonly Result[], metric: JudgedMetric): Verdict {
  if (ours === undefined) throw new Error("nothing to judge");
  const means = others
    .filter(({ counts }) => counts)
    .map((result) => ({ result, mean: estimateOf(result, metric).mean }));
  const best = means.reduce((a, b) => (b.mean < a.mean ? b : a));
  const mean = estimateOf(ours, metric).mean;
  // The runs are paired: what they have in common, as one very large conference, says nothing of the policies.
  const difference = estimate(
    ours.outcomes.map((outcome, run) => outcome[metric] - (best.result.outcomes[run]?.[metric] ?? NaN)),
  );
  const { factor, amount } = TOLERANCES[metric];
  const excess = mean - best.mean * factor - amount;
  const kindOfMore = excess < errorsOf(ours.outcomes.length) * difference.error ? "unclear" : "worse";
  const kind = mean <= best.mean ? "best" : excess <= 0 ? "within 2 %" : kindOfMore;
  return { metric, kind, ours: mean, best: { policy: best.result.policy, mean: best.mean }, difference };
}

function errorsOf(runs: number): number {
  return ERRORS.findLast(([atLeast]) => runs >= atLeast)?.[1] ?? Infinity;
}
