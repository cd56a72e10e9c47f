import { SfuError } from "../errors.ts";

/** What one failed attempt means, for the request and for the SFU. */
export interface Judgement {
  /** Whether another SFU may serve the request, or what came is the answer. */
  readonly then: "next" | "stop";
  /**
   * Who is to blame. `unsure`: the SFU answered, but not with a channel; it is the SFU where another one serves the
   * very same request, and the request where none does. A tenant whose odd requests draw 500 from every SFU
   * therefore cannot open a single breaker.
   */
  readonly blame: "sfu" | "request" | "unsure" | "nobody";
}

const JUDGEMENTS = {
  brokenSfu: { then: "next", blame: "sfu" },
  answered: { then: "stop", blame: "request" },
  unsure: { then: "next", blame: "unsure" },
  gone: { then: "stop", blame: "nobody" },
} as const satisfies Record<string, Judgement>;

/** The only judge of what an error means. */
export function judge(error: unknown): Judgement {
  if (!(error instanceof SfuError)) return JUDGEMENTS.gone;
  switch (error.failure) {
    case "refused":
    case "reset":
    case "timeout":
    case "dns":
    case "tls":
    case "unreachable":
    case "redirect":
    case "garbage":
    case "too_large":
      return JUDGEMENTS.brokenSfu;
    case "unauthorized":
      return JUDGEMENTS.unsure;
    case "status_5xx":
      // A reverse proxy says these when the SFU behind it is gone; no request can bring them about.
      return [502, 503, 504].includes(error.status ?? 0) ? JUDGEMENTS.brokenSfu : JUDGEMENTS.unsure;
    case "status_4xx":
      // The two that o-sfu has for the caller; from any other SFU they would be the same (contract.md).
      return [400, 409].includes(error.status ?? 0) ? JUDGEMENTS.answered : JUDGEMENTS.unsure;
    case "aborted":
      return JUDGEMENTS.gone;
  }
}
