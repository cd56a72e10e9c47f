/** How the gateway's process is, after a garbage collection. */
export interface Vitals {
  readonly heapMb: number;
  /** Of buffers, outside the heap. */
  readonly externalMb: number;
  readonly residentMb: number;
  /** Sockets, servers, pipes: what keeps a process alive, timers aside. */
  readonly handles: number;
  readonly timers: number;
  /** Open file descriptors. */
  readonly files: number;
  /** On the process itself. */
  readonly listeners: number;
  /** Such as of listeners that pile up on one emitter. */
  readonly warnings: number;
}

/** With what is asked from outside. */
export interface Sample extends Vitals {
  /** Since the start. */
  readonly atS: number;
  /** Lines of `/metrics`. */
  readonly series: number;
}

/** How far the fitted line may rise from the first sample that counts to the last. A count must not rise by one. */
const MAY_RISE: Readonly<Partial<Record<keyof Sample, number>>> = {
  heapMb: 1,
  handles: 0.9,
  timers: 0.9,
  files: 0.9,
  listeners: 0.9,
  warnings: 0.9,
  series: 0.9,
};

/**
 * With fewer a line proves nothing about memory, which goes up and down by what was compiled and cached meanwhile, nor
 * about series, many of which come with the first event of their kind; and little about counts: a probe may be under way.
 */
const FOR_A_LINE = 10;
const BRIEFLY = 3;
const NOT_BRIEFLY: readonly (keyof Sample)[] = ["heapMb", "series"];

/** The columns that are judged. */
export const JUDGED = Object.keys(MAY_RISE) as readonly (keyof Sample)[];

export interface Trend {
  readonly name: keyof Sample;
  readonly perHour: number;
  /** What it comes to from the first of the samples to the last. */
  readonly rise: number;
  readonly isFine: boolean;
}

/** By least squares. */
export function trendOf(name: keyof Sample, samples: readonly Sample[]): Trend {
  const count = samples.length;
  const meanAt = samples.reduce((sum, { atS }) => sum + atS, 0) / count;
  const mean = samples.reduce((sum, sample) => sum + sample[name], 0) / count;
  const covariance = samples.reduce((sum, sample) => sum + (sample.atS - meanAt) * (sample[name] - mean), 0);
  const variance = samples.reduce((sum, { atS }) => sum + (atS - meanAt) ** 2, 0);
  const slope = variance === 0 ? 0 : covariance / variance;
  const rise = slope * ((samples.at(-1)?.atS ?? 0) - (samples[0]?.atS ?? 0));
  const isFine =
    count < FOR_A_LINE ? NOT_BRIEFLY.includes(name) || rise <= BRIEFLY : rise <= (MAY_RISE[name] ?? Infinity);
  return { name, perHour: slope * 3600, rise, isFine };
}
