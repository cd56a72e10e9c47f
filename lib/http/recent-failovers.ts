import type { FailoverReport } from "../api/dashboard.ts";
import { type Clock, roundedMs } from "../clock.ts";
import type { AttemptEvent, ChannelRequestEvent, Events } from "../events.ts";

/** The last calls that an SFU failed. */
export interface RecentFailovers {
  /** How many are remembered. */
  readonly limit: number;
  /** Newest first. Names no conference and no caller. */
  all(): readonly FailoverReport[];
}

const LIMIT = 50;

export function recentFailovers(clock: Clock, events: Events, limit = LIMIT): RecentFailovers {
  /** By the chain of attempts that it is about, in the order of their coming. */
  const byChain = new Map<AttemptEvent, FailoverReport>();
  let made = 0;

  events.on("channelRequest", (request) => {
    const [first] = request.attempts;
    if (first === undefined || !isFailover(request)) return;
    const known = byChain.get(first);
    // Members who shared a chain share its failover. But one may have hung up before it had ended, and another not.
    if (known !== undefined && (known.outcome === "ok" || request.outcome !== "ok")) return;
    byChain.set(first, reportOf(request, known?.id ?? String(++made), clock.now()));
    for (const oldest of byChain.keys()) {
      if (byChain.size <= limit) break;
      byChain.delete(oldest);
    }
  });

  return { limit, all: () => [...byChain.values()].reverse() };
}

/** Another SFU was asked, or should have been and there was none. */
function isFailover({ attempts, outcome }: ChannelRequestEvent): boolean {
  return attempts.length > 1 || outcome === "all_candidates_failed";
}

function reportOf(request: ChannelRequestEvent, id: string, nowMs: number): FailoverReport {
  const { outcome, durationMs, attempts, servedBy } = request;
  return {
    id,
    at: new Date(nowMs).toISOString(),
    outcome,
    ms: roundedMs(durationMs),
    attempts: attempts.map(({ sfu, error, durationMs: ms }) => {
      return { sfu: sfu.address, failure: error?.failure ?? null, message: error?.message ?? null, ms: roundedMs(ms) };
    }),
    servedBy: servedBy?.address ?? null,
  };
}
