import pRetry from "p-retry";
import type { Affinity } from "../balancing/affinity.ts";
import type { Candidates, Rank } from "../balancing/rank.ts";
import type { Placement } from "../balancing/strategy.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { GatewayError, SfuError, toError } from "../errors.ts";
import type { AttemptEvent, Events } from "../events.ts";
import type { Channel } from "../sfu/channel.ts";
import type { JoinRequest, SfuClient } from "../sfu/client.ts";
import type { Sfu } from "../sfu/sfu.ts";
import { BreakerOpenError, type Breakers, type Verdict } from "./breakers.ts";
import { judge } from "./retryable.ts";

/** One request for a channel on its way through the candidates. */
export interface Call {
  /** Identifies the conference: the key of assignments. */
  readonly conference: string;
  readonly placement: Placement;
  readonly join: JoinRequest;
  /** When the caller's budget is used up, on the clock's monotonic scale. */
  readonly deadlineMs: number;
}

/** A channel, and which attempts it took to get it. */
export interface Served {
  readonly channel: Channel;
  readonly sfu: Sfu;
}

export interface FailoverTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly rank: Rank;
  readonly affinity: Affinity;
  readonly breakers: Breakers;
  readonly client: SfuClient;
}

/** Walks the candidates of one call; every attempt that ended is added to `attempts`. */
export type Failover = (call: Call, attempts: AttemptEvent[], signal: AbortSignal) => Promise<Served>;

/**
 * @throws {GatewayError} (from the returned function) 503 `no_sfu_available` where nobody could be asked and
 *   `all_candidates_failed` where all who were asked failed, the SFU's own 400 or 409 as `refused_by_sfu`,
 *   `caller_gone` once `signal` is aborted
 */
export function createFailover(
  settings: Config["failover"],
  { clock, events, rank, affinity, breakers, client }: FailoverTools,
): Failover {
  return async (call, attempts, signal) => {
    const candidates = rank(call.conference, call.placement);
    const ending = Promise.withResolvers<Verdict>();

    const attempt = async (): Promise<Served> => {
      const timeoutMs = fairShareMs(call, candidates, attempts.length);
      const sfu = timeoutMs > 0 ? candidates.next() : null;
      if (sfu === null) throw new NobodyLeftError();
      try {
        return await breakers.run(
          sfu,
          () => ask(sfu, timeoutMs),
          (error) => verdictOf(sfu, error),
        );
      } catch (error) {
        // Nobody was asked, so it was no attempt.
        if (error instanceof BreakerOpenError) return attempt();
        throw error;
      }
    };

    const ask = async (sfu: Sfu, timeoutMs: number): Promise<Served> => {
      const previous = attempts.at(-1);
      if (previous !== undefined) events.emit("failover", { from: previous });
      const startedMs = clock.monotonic();
      const end = (error: SfuError | null): void => {
        const durationMs = clock.monotonic() - startedMs;
        const ended = { requestId: call.join.requestId, sfu, durationMs, error };
        attempts.push(ended);
        events.emit("attempt", ended);
      };
      try {
        const channel = await client.join(sfu, call.join, { timeoutMs, signal });
        end(null);
        return { channel, sfu };
      } catch (error) {
        if (error instanceof SfuError) end(error);
        throw error;
      }
    };

    const verdictOf = async (sfu: Sfu, error: Error): Promise<Verdict> => {
      const { blame } = judge(error);
      const verdict = blame === "unsure" ? await ending.promise : VERDICTS[blame];
      if (verdict === "fault") events.emit("fault", { sfu, error });
      return verdict;
    };

    /** What is left of the budget, divided among the attempts that can still be made. */
    const fairShareMs = (call: Call, candidates: Candidates, made: number): number => {
      const toCome = Math.max(1, Math.min(settings.maxRetries - made, candidates.left));
      const share = Math.floor((call.deadlineMs - clock.monotonic()) / toCome);
      return Math.min(settings.attemptTimeoutMs, share);
    };

    try {
      const served = await pRetry(attempt, {
        // p-retry counts what comes after the first.
        retries: settings.maxRetries - 1,
        minTimeout: 0,
        maxTimeout: 0,
        signal,
        shouldRetry: ({ error }) => judge(error).then === "next",
      });
      affinity.assign(call.conference, served.sfu.address);
      ending.resolve("fault");
      return served;
    } catch (error) {
      ending.resolve("fine");
      throw toAnswer(toError(error), attempts, signal);
    }
  };
}

const VERDICTS = { sfu: "fault", request: "fine", nobody: "nothing" } as const;

/** Odoo does not come back by itself, but whoever else asks shall not hammer. */
const RETRY_AFTER_S = 1;

/** Every candidate has been asked, or the time is up. */
class NobodyLeftError extends Error {
  override readonly name = "NobodyLeftError";
}

function toAnswer(error: Error, attempts: readonly AttemptEvent[], signal: AbortSignal): GatewayError | Error {
  if (signal.aborted) return new GatewayError("caller_gone", "the caller hung up", { status: 499, cause: error });
  if (error instanceof SfuError && judge(error).then === "stop") {
    return new GatewayError("refused_by_sfu", `the SFU ${error.message}`, {
      status: error.status ?? 502,
      cause: error,
    });
  }
  if (!(error instanceof SfuError || error instanceof NobodyLeftError)) return error;
  if (attempts.length === 0) {
    return new GatewayError("no_sfu_available", "no SFU can be asked at this moment", {
      status: 503,
      retryAfterS: RETRY_AFTER_S,
      cause: error,
    });
  }
  const count = attempts.length === 1 ? "1 SFU was" : `${String(attempts.length)} SFUs were`;
  return new GatewayError("all_candidates_failed", `${count} asked for a channel and none gave one`, {
    status: 503,
    retryAfterS: RETRY_AFTER_S,
    cause: error,
  });
}
