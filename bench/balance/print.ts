import { estimateOf, type JudgedMetric, type Metric, type Result, type Verdict } from "./results.ts";

interface Column {
  readonly metric: Metric;
  readonly title: string;
  readonly show: (mean: number, error: number) => string;
}

const COLUMNS: readonly Column[] = [
  { metric: "meanImbalance", title: "mean imbalance", show: withError(3) },
  { metric: "peakImbalance", title: "peak imbalance", show: withError(2) },
  { metric: "overloaded", title: "on overloaded", show: (mean) => `${(100 * mean).toFixed(2)} %` },
  { metric: "splits", title: "splits", show: (mean) => mean.toFixed(1) },
  { metric: "turnedAway", title: "turned away", show: (mean) => mean.toFixed(1) },
];

const NAMES: Readonly<Record<JudgedMetric, string>> = {
  meanImbalance: "mean imbalance",
  peakImbalance: "peak imbalance",
  overloaded: "on overloaded",
  splits: "splits",
};

const NAME_WIDTH = 24;
const CELL_WIDTH = 16;

export function table(results: readonly Result[]): string {
  const head = ["".padEnd(NAME_WIDTH), ...COLUMNS.map(({ title }) => title.padStart(CELL_WIDTH))].join("");
  const rows = results.map((result) => {
    const cells = COLUMNS.map(({ metric, show }) => {
      const { mean, error } = estimateOf(result, metric);
      return show(mean, error).padStart(CELL_WIDTH);
    });
    return [result.policy.padEnd(NAME_WIDTH), ...cells].join("");
  });
  return [head, ...rows].join("\n");
}

export function sentence({ metric, kind, ours, best, difference }: Verdict): string {
  const digits = metric === "overloaded" ? 5 : 3;
  const [its, others, apart, error] = [ours, best.mean, difference.mean, difference.error].map((value) =>
    value.toFixed(digits),
  );
  const label = kind === "worse" ? "WORSE" : kind;
  return `${NAMES[metric].padEnd(15)}${label.padEnd(11)} ours ${String(its)}, ${best.policy} ${String(others)} (${String(apart)} ± ${String(error)})`;
}

function withError(digits: number): Column["show"] {
  return (mean, error) => `${mean.toFixed(digits)} ±${error.toFixed(digits)}`;
}
