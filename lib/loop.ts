import type { Clock } from "./clock.ts";

/**
 * How busy the process is. Where the event loop waits, whatever had arrived has been read; for as long as it does not, something
 * has been waiting for it: a connection, a request, an SFU's answer. It is measured by looking, at each request and every
 * {@link LOOK_MS}.
 */
export interface Loop {
  /** To be told that something is going on, as often as something is. */
  look(): void;
  /** Counts the busy stretches: another number is another stretch. */
  readonly stretch: number;
  /** How long the loop has been busy without a moment's rest, in milliseconds. Not counted is what stopped the process. */
  busyMs(): number;
  /**
   * How much later than it came an SFU's answer may be heard that was asked for since `sinceMs` of the clock's monotonic
   * scale, in milliseconds. Sockets are read once a turn, and timers run before them: so it goes by the longest turn, and
   * a loop that never rests, but turns quickly, is not late.
   */
  lagSince(sinceMs: number): number;
}

/** What is told of the event loop: `loopIdleMs` and `loopTurn`, but for specs. */
export interface LoopFigures {
  /** How long it has waited in all. */
  readonly idleMs: () => number;
  /** The number of its present turn. */
  readonly turn: () => number;
}

/** Turns between two looks are taken for one, so it is looked more often than a turn has to be to count. */
export const LOOK_MS = 10;

/** Between two looks of a process that is busy with requests lie a few milliseconds; where it is more, it was stopped. */
const STOPPED_MS = 100;

/** To connect, to send, to hear. */
const TURNS_OF_AN_EXCHANGE = 3;

/** Who is behind for 50 ms or less is not late (`isLate`), so shorter turns are not remembered, nor those of longer ago. */
const REMEMBERED_MS = 50 / TURNS_OF_AN_EXCHANGE;
const MEMORY_MS = 60_000;

interface Turn {
  readonly endedMs: number;
  readonly lengthMs: number;
}

export function createLoop(clock: Clock, { idleMs, turn }: LoopFigures): Loop {
  let lastIdleMs = idleMs();
  let lastLookMs = clock.monotonic();
  let beganMs = lastLookMs;
  let stoppedMs = 0;
  let stretch = 0;
  /** The first look of the present turn. */
  let first = { turn: turn(), atMs: lastLookMs, idleMs: lastIdleMs };
  /** Those that ended later, and were longer than all after them. */
  let long: Turn[] = [];

  const remember = (lengthMs: number, endedMs: number): void => {
    if (lengthMs < REMEMBERED_MS) return;
    long = long.filter((one) => one.lengthMs > lengthMs && one.endedMs > endedMs - MEMORY_MS);
    long.push({ endedMs, lengthMs });
  };

  const look = (): void => {
    const nowMs = clock.monotonic();
    const idle = idleMs();
    const gapMs = nowMs - lastLookMs;
    const hasRested = idle > lastIdleMs;
    lastLookMs = nowMs;
    lastIdleMs = idle;
    if (hasRested) {
      stretch++;
      beganMs = nowMs;
      stoppedMs = 0;
    } else if (gapMs > STOPPED_MS) stoppedMs += gapMs - STOPPED_MS;
    const present = turn();
    if (present === first.turn) return;
    // Where nobody has looked in the turns between, they are taken for one: so long nothing may have been read.
    remember(nowMs - first.atMs - (idle - first.idleMs), nowMs);
    first = { turn: present, atMs: nowMs, idleMs: idle };
  };

  return {
    look,
    get stretch() {
      return stretch;
    },
    busyMs: () => lastLookMs - beganMs - stoppedMs,
    lagSince(sinceMs) {
      look();
      const presentMs = lastLookMs - first.atMs;
      const pastMs = long.find(({ endedMs }) => endedMs >= sinceMs)?.lengthMs ?? 0;
      return TURNS_OF_AN_EXCHANGE * Math.max(presentMs, pastMs);
    },
  };
}
