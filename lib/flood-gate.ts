import type { Cancel, Clock } from "./clock.ts";

/** What was left out of one kind, since the last time that was told. */
export interface LeftOut {
  readonly kind: string;
  readonly count: number;
  /** Of how many senders, {@link MAX_SENDERS} at most. */
  readonly senders: number;
}

/** Lets through the first of a kind, and counts the others: lines that strangers bring about must not fill a disk. */
export interface FloodGate {
  /** Whether this one has a line of its own. */
  admits(kind: string, sender: string): boolean;
  /** Tells what is left, and ends. */
  close(): void;
}

const WINDOW_MS = 60_000;

/** Of one kind in a window. */
const MAX_LINES = 20;

/** Of these, so that whoever sends thousands leaves room for another. */
const MAX_LINES_OF_ONE = 5;

/** As exact as anybody needs it. */
export const MAX_SENDERS = 1000;

interface Window {
  lines: number;
  readonly linesOf: Map<string, number>;
  leftOut: number;
  readonly senders: Set<string>;
}

/** @param tell hears at the end of a minute of what that minute has left out, kind by kind */
export function createFloodGate(clock: Clock, tell: (leftOut: LeftOut) => void): FloodGate {
  const windows = new Map<string, Window>();
  let cancel: Cancel | null = null;

  const end = (): void => {
    cancel?.();
    cancel = null;
    const ended = [...windows];
    windows.clear();
    for (const [kind, { leftOut: count, senders }] of ended) {
      if (count > 0) tell({ kind, count, senders: senders.size });
    }
  };
  const windowOf = (kind: string): Window => {
    cancel ??= clock.every(WINDOW_MS, end);
    const known = windows.get(kind);
    if (known !== undefined) return known;
    const fresh: Window = { lines: 0, linesOf: new Map(), leftOut: 0, senders: new Set() };
    windows.set(kind, fresh);
    return fresh;
  };

  return {
    admits(kind, sender) {
      const window = windowOf(kind);
      const linesOfIts = window.linesOf.get(sender) ?? 0;
      if (window.lines < MAX_LINES && linesOfIts < MAX_LINES_OF_ONE) {
        window.lines++;
        window.linesOf.set(sender, linesOfIts + 1);
        return true;
      }
      window.leftOut++;
      if (window.senders.size < MAX_SENDERS) window.senders.add(sender);
      return false;
    },
    close: end,
  };
}
