import type { Clock } from "../clock.ts";
import type { Loop } from "../loop.ts";
import { type Backlog, QUEUE_LENGTH } from "./backlog.ts";

/** What a request is for: one to `/v1/channel`, or anything else that is not the operator's look at what is going on. */
export type Errand = "call" | "other";

/** Whether the gateway takes on a request, decided before anything is done for it. */
export interface Admission {
  /**
   * @param isFirst whether its connection was opened for it
   * @returns what to call when it has ended; null where it is turned away
   */
  admit(errand: Errand, isFirst: boolean): (() => void) | null;
  /** Requests that were admitted and have not ended. */
  readonly inFlight: number;
}

export interface AdmissionTools {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly backlog: Pick<Backlog, "standingMs">;
  /**
   * The most that may be under way, whatever they wait for: of calls, and as many of all else. Who opens a request and
   * never sends its body keeps nobody from a call.
   */
  readonly maxRequests: () => number;
}

/**
 * How long a request may have to wait for the processor, in milliseconds. A burst is let in as long as it can be answered in
 * good time: Odoo gives up at 3 s (contract.md), and a call that is turned away stays without an SFU to its end. Where there
 * is too much to do for good, waiting brings nobody anything.
 */
const BURST_MS = 1000;
const STANDING_MS = 200;

/** Who had to turn away somebody is on his guard for so long. */
const ON_GUARD_MS = 5000;

/**
 * What one request costs is learned where little but requests was done. Until then it is a guess, of a program that is
 * not warm yet; what was learned long ago counts ever less.
 */
const LEARNING_MS = 50;
const FIRST_GUESS = { busyMs: 500, ended: 250 };
const MEMORY_MS = 5000;

/** No request costs more: where it seems so, something else was done meanwhile. */
const MAX_COST_MS = 10;

/**
 * Two bounds. A hard one, on requests under way: a thousand that wait for SFUs which hang cost nothing but memory. And one on
 * how late the gateway itself may be, after CoDel (RFC 8289) as Facebook applies it to servers («Fail at Scale», ACM Queue
 * 13/8): a long patience for a burst, and a short one for a queue that stands. There are two queues, and each is
 * measured by itself:
 *
 * 1. The gateway's own: what was let in since the event loop last rested and has not ended, at what one costs. A thousand
 *    requests on connections that are open already are all read in one turn, before any of them could be answered.
 * 2. The kernel's, of connections, by how long it has not been empty: not since the loop has rested; and by what all that it
 *    can hold would cost, for a busy gateway always finds somebody in it, who may just have come. There is no short
 *    patience for that one: a busy fifth of a second is no queue. It is for those who come out of it. Whoever is turned
 *    away there makes room for the next, who has to be turned away as well; so one is let in for each, or under a flood
 *    nobody would be served any more.
 *
 * Nobody is asked for a token first, so members of a call that has its SFU already have no preference: checking is a good part
 * of what a call costs, and an unchecked claim would be everybody's. What is no call always has the long patience: calls
 * come in thousands, and a heartbeat that is lost takes an SFU out, a disconnect is not asked for twice.
 */
export function createAdmission({ clock, loop, backlog, maxRequests }: AdmissionTools): Admission {
  const inFlight: Record<Errand, number> = { call: 0, other: 0 };
  let onGuardUntilMs = -Infinity;
  /** Of the present stretch. */
  let stretch = loop.stretch;
  let inHand = 0;
  let ended = 0;
  let busyMs = 0;
  /** Whether of those who opened a connection one was let in since the last that was turned away. */
  let hasLetIn = true;
  let learned = FIRST_GUESS;

  const look = (): void => {
    loop.look();
    if (loop.stretch !== stretch) {
      learn();
      stretch = loop.stretch;
      inHand = 0;
      ended = 0;
    }
    busyMs = loop.busyMs();
  };

  const learn = (): void => {
    if (busyMs < LEARNING_MS || ended === 0) return;
    const kept = Math.exp(-busyMs / MEMORY_MS);
    learned = { busyMs: learned.busyMs * kept + busyMs, ended: learned.ended * kept + ended };
  };

  return {
    admit(errand, isFirst) {
      look();
      if (inFlight[errand] >= maxRequests()) return null;
      const nowMs = clock.monotonic();
      const patienceMs = errand === "call" && nowMs < onGuardUntilMs ? STANDING_MS : BURST_MS;
      const costMs = Math.min(MAX_COST_MS, learned.busyMs / learned.ended);
      const ownMs = inHand * costMs;
      // Where the loop has rested there was nobody in the kernel's queue.
      const queueMs = isFirst ? Math.min(backlog.standingMs(), busyMs, QUEUE_LENGTH * costMs) : 0;
      const isNext = hasLetIn && queueMs > BURST_MS;
      if (ownMs > patienceMs || isNext) {
        if (isFirst) hasLetIn = false;
        onGuardUntilMs = nowMs + ON_GUARD_MS;
        return null;
      }
      if (isFirst) hasLetIn = true;
      const own = stretch;
      inFlight[errand]++;
      inHand++;
      return () => {
        look();
        inFlight[errand]--;
        ended++;
        if (own === stretch) inHand--;
      };
    },
    get inFlight() {
      return inFlight.call + inFlight.other;
    },
  };
}
