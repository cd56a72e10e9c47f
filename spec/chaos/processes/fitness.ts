/** A time in which somebody could not be relied on, in milliseconds of the runner's monotonic clock. */
export interface Window {
  readonly fromMs: number;
  /** Infinity while it lasts. */
  readonly toMs: number;
  readonly why: string;
}

/** When one process, an SFU or the gateway, could do its work, as the schedule knows it. */
export interface Fitness {
  /** It is out from now on; where it is already, that goes on. */
  begin(why: string, nowMs: number): void;
  end(nowMs: number): void;
  /** When it was out. */
  readonly outages: readonly Window[];
}

export function createFitness(): Fitness {
  const outages: Window[] = [];
  return {
    outages,
    begin(why, fromMs) {
      if (outages.at(-1)?.toMs !== Infinity) outages.push({ fromMs, toMs: Infinity, why });
    },
    end(toMs) {
      const last = outages.at(-1);
      if (last?.toMs === Infinity) outages.splice(-1, 1, { ...last, toMs });
    },
  };
}

/** Whether any of the windows reaches into the time between. */
export function overlaps(windows: readonly Window[], fromMs: number, toMs: number): boolean {
  return windows.some((window) => window.fromMs <= toMs && window.toMs >= fromMs);
}

/** How much of the time between the windows take, counted once for each. */
export function overlapMs(windows: readonly Window[], fromMs: number, toMs: number): number {
  return windows.reduce(
    (sum, window) => sum + Math.max(0, Math.min(window.toMs, toMs) - Math.max(window.fromMs, fromMs)),
    0,
  );
}
