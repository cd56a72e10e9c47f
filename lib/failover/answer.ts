import type { Shortage } from "../balancing/rank.ts";
import { GatewayError, SfuError } from "../errors.ts";
import { judge } from "./retryable.ts";

/** Odoo does not come back by itself, but whoever else asks shall not hammer. */
const RETRY_AFTER_S = 1;

/** Until the next reports, at the earliest, nothing will have changed. */
const FULL_RETRY_AFTER_S = 10;

/** There is no candidate left to be asked, or no time. */
export class NobodyLeftError extends Error {
  override readonly name = "NobodyLeftError";
  /** Why nobody could be asked, where nobody was. */
  readonly shortage: Shortage;

  constructor(shortage: Shortage) {
    super();
    this.shortage = shortage;
  }
}

/**
 * What a caller is told of a chain of attempts that brought no channel.
 *
 * @param error what the chain ended with
 * @param asked how many SFUs had been asked
 * @returns `error` itself where nobody has foreseen it
 */
export function toAnswer(error: Error, asked: number, signal: AbortSignal): Error {
  if (signal.aborted) return new GatewayError("caller_gone", "the caller hung up", { status: 499, cause: error });
  if (error instanceof SfuError && judge(error).then === "stop") {
    return new GatewayError("refused_by_sfu", `the SFU ${error.message}`, {
      status: error.status ?? 502,
      cause: error,
    });
  }
  if (!(error instanceof SfuError || error instanceof NobodyLeftError)) return error;
  const options = { status: 503, retryAfterS: RETRY_AFTER_S, cause: error };
  if (asked === 0 && error instanceof NobodyLeftError && error.shortage === "overloaded") {
    return new GatewayError("overloaded", "every SFU that could take the call is full", {
      ...options,
      retryAfterS: FULL_RETRY_AFTER_S,
    });
  }
  if (asked === 0) return new GatewayError("no_sfu_available", "no SFU can be asked at this moment", options);
  const who = asked === 1 ? "1 SFU was" : `${String(asked)} SFUs were`;
  return new GatewayError("all_candidates_failed", `${who} asked for a channel and none gave one`, options);
}
