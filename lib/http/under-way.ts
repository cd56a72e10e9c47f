import type { Clock } from "../clock.ts";

/** Work that goes on although whoever asked for it is gone. */
export interface UnderWay {
  /** @returns what the work returns, or throws */
  add<T>(work: Promise<T>): Promise<T>;
  /** Resolves once nothing is under way, and after so many milliseconds whatever is. */
  ended(withinMs: number): Promise<void>;
}

export function createUnderWay(clock: Clock): UnderWay {
  const works = new Set<Promise<unknown>>();
  return {
    add(work) {
      works.add(work);
      const end = (): void => void works.delete(work);
      work.then(end, end);
      return work;
    },
    ended: (withinMs) => settledOrAfter(Math.max(0, withinMs), Promise.allSettled(works), clock),
  };
}

/** Never rejects. */
export function settledOrAfter(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const end = (): void => {
      cancel();
      resolve();
    };
    work.then(end, end);
  });
}
