import type { Clock } from "../../lib/clock.ts";

interface Timer {
  readonly atMs: number;
  /** Of two that fall due at the same moment, the one that was set first is run first. */
  readonly order: number;
  readonly run: () => void;
}

export interface VirtualClock extends Clock {
  /** Runs all that falls due until then, in order; time stands still while something runs. */
  runUntil(endMs: number): void;
}

/** 5 January 2026, a Monday, 8:30: nothing depends on it. */
const START_MS = Date.UTC(2026, 0, 5, 8, 30);

/** Time that passes only from one thing that happens to the next: an hour takes as long as what happens in it. */
export function createVirtualClock(): VirtualClock {
  const heap: Timer[] = [];
  let nowMs = 0;
  let count = 0;

  const set = (atMs: number, run: () => void): Timer => {
    const timer = { atMs, order: count++, run };
    push(heap, timer);
    return timer;
  };

  return {
    now: () => START_MS + nowMs,
    monotonic: () => nowMs,
    after(delayMs, run) {
      let isCancelled = false;
      set(nowMs + delayMs, () => {
        if (!isCancelled) run();
      });
      return () => (isCancelled = true);
    },
    every(intervalMs, run) {
      let isCancelled = false;
      const again = (): void => {
        if (isCancelled) return;
        set(nowMs + intervalMs, again);
        run();
      };
      set(nowMs + intervalMs, again);
      return () => (isCancelled = true);
    },
    runUntil(endMs) {
      for (;;) {
        const next = heap[0];
        if (next === undefined || next.atMs > endMs) break;
        pop(heap);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = endMs;
    },
  };
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(timer, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let below = 2 * index + 1;
    const [left, right] = [heap[below], heap[below + 1]];
    if (left === undefined) break;
    if (right !== undefined && isBefore(right, left)) below++;
    const child = right !== undefined && isBefore(right, left) ? right : left;
    if (!isBefore(child, last)) break;
    heap[index] = child;
    index = below;
  }
  heap[index] = last;
}
