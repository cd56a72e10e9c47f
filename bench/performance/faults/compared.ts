import type { FaultResult, PeerFaults } from "../faults.ts";
import type { ScenarioResult, Times } from "./columns.ts";

/** One column of the table, as far as peers are compared by it. */
export interface Column {
  readonly name: string;
  readonly unit: "%" | "ms" | "s";
  /** Lower is better; Infinity where it never came to that, null where there is nothing to compare. */
  readonly valueOf: (result: ScenarioResult) => number | null;
  /** By how much a value differs between two runs of the same program. */
  readonly noiseOf: (peer: PeerFaults) => number;
}

/** Where in an interval of the probes (2 s) a fault begins or ends is chance; and a try or two of those seen first. */
const LEFT_NOISE_MS = 500;
const BACK_NOISE_MS = 2000;

const times = (name: string, part: keyof Times, of: "during" | "settled"): Column => ({
  name,
  unit: "ms",
  valueOf: (result) => result[of]?.[part] ?? null,
  noiseOf: ({ scenarios }) => spread(scenarios.map(({ healthy }) => healthy[part])),
});

export const COLUMNS: readonly Column[] = [
  {
    name: "not in time",
    unit: "%",
    valueOf: ({ calls, inTime }) => (100 * (calls - inTime)) / calls,
    noiseOf: () => 0,
  },
  times("p50", "p50Ms", "during"),
  times("p99", "p99Ms", "during"),
  times("worst", "worstMs", "during"),
  times("p99 from 3 s on", "p99Ms", "settled"),
  {
    name: "left after",
    unit: "s",
    valueOf: ({ leftAfterMs }) => inSeconds(leftAfterMs ?? Infinity),
    noiseOf: () => inSeconds(LEFT_NOISE_MS),
  },
  {
    name: "used again after",
    unit: "s",
    // Who was never left is used all the time.
    valueOf: ({ leftAfterMs, backAfterMs }) => (leftAfterMs === null ? null : inSeconds(backAfterMs ?? Infinity)),
    noiseOf: () => inSeconds(BACK_NOISE_MS),
  },
];

/** A column in which somebody was better than the gateway, by more than the noise of either. */
export interface Better {
  readonly column: Column;
  readonly peer: string;
  /** Of both, in each scenario where it was so: the gateway's first. */
  readonly where: readonly { readonly scenario: ScenarioResult; readonly values: readonly [number, number] }[];
}

export function betterThan(ours: PeerFaults, { peers }: FaultResult): readonly Better[] {
  const others = peers.filter((peer) => peer !== ours);
  return COLUMNS.flatMap((column) =>
    others.map((other) => {
      const noise = Math.max(column.noiseOf(ours), column.noiseOf(other));
      const where = ours.scenarios.flatMap((scenario) => {
        const theirs = other.scenarios.find((one) => isSame(one, scenario));
        const values = [scenario, theirs].map((one) => (one === undefined ? null : column.valueOf(one)));
        const [our = null, their = null] = values;
        if (our === null || their === null || !(our - their > noise)) return [];
        return [{ scenario, values: [our, their] as const }];
      });
      return { column, peer: other.name, where };
    }),
  ).filter(({ where }) => where.length > 0);
}

function isSame(one: ScenarioResult, other: ScenarioResult): boolean {
  return one.fault === other.fault && one.victims === other.victims;
}

/** From the tenth to the ninetieth of a hundred; of few, from the least to the most. */
function spread(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.ceil(0.9 * (sorted.length - 1))] ?? 0) - (sorted[Math.floor(0.1 * (sorted.length - 1))] ?? 0);
}

function inSeconds(ms: number): number {
  return ms / 1000;
}
