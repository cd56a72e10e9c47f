import { isLate } from "../clock.ts";
import { SfuError } from "../errors.ts";

/** What one failed attempt means, for the request and for the SFU. */
export interface Judgement {
  /** Whether another SFU may serve the request, or what came is the answer. */
  readonly then: "next" | "stop";
  /**
   * Who is to blame. `unsure`: the SFU answered, but not with a channel; it is the SFU where another one serves the
   * very same request, and the request where others answer alike. A tenant whose odd requests draw 500 from every SFU
   * therefore cannot open a single breaker.
   */
  readonly blame: "sfu" | "request" | "unsure" | "nobody";
}

const JUDGEMENTS = {
  brokenSfu: { then: "next", blame: "sfu" },
  answered: { then: "stop", blame: "request" },
  tooLarge: { then: "next", blame: "request" },
  unsure: { then: "next", blame: "unsure" },
  unseen: { then: "next", blame: "nobody" },
  gone: { then: "stop", blame: "nobody" },
  late: { then: "stop", blame: "sfu" },
} as const satisfies Record<string, Judgement>;

/** A healthy SFU takes 3 ms (contract.md): who has been waited for as long as this is not well. */
const LATE_MS = 1000;

/**
 * The only judge of what an error means.
 *
 * @param tookMs how long the attempt had lasted, where that is known
 * @param limitMs how long it might have
 * @param lagMs how long the gateway itself had been too busy to hear an answer, at the most
 */
export function judge(error: unknown, tookMs = 0, limitMs = Infinity, lagMs = 0): Judgement {
  if (!(error instanceof SfuError)) return JUDGEMENTS.gone;
  switch (error.failure) {
    case "refused":
    case "reset":
    case "dns":
    case "tls":
    case "unreachable":
    case "redirect":
    case "garbage":
    case "too_large":
      return JUDGEMENTS.brokenSfu;
    case "timeout":
      return isLate(tookMs + lagMs, limitMs) ? JUDGEMENTS.unseen : JUDGEMENTS.brokenSfu;
    case "unauthorized":
      return JUDGEMENTS.unsure;
    case "status_5xx":
      return error.isFromProxy ? JUDGEMENTS.brokenSfu : JUDGEMENTS.unsure;
    case "status_4xx":
      // The two that o-sfu has for the caller; from any other SFU they would be the same (contract.md).
      if ([400, 409].includes(error.status ?? 0)) return JUDGEMENTS.answered;
      // Too large, and another SFU may take a little more: still it is the request that is odd.
      return [413, 414, 431].includes(error.status ?? 0) ? JUDGEMENTS.tooLarge : JUDGEMENTS.unsure;
    case "aborted":
      return tookMs - lagMs >= LATE_MS ? JUDGEMENTS.late : JUDGEMENTS.gone;
  }
}
