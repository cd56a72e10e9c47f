import type { Call } from "../calls.ts";
import { overlaps } from "../fitness.ts";
import type { ChaosSfu } from "../sfu.ts";
import type { Seen } from "../stage.ts";
import { BUDGET_MS, DETECTION_MS, MARGIN_MS, MOST_ASKED, ODOO_WAITS_MS, RECOVERY_MS, SHARED_MS } from "./limits.ts";

/**
 * What became of a call.
 *
 * - `served`
 * - `nobody`: a 503, and no SFU could serve throughout the call.
 * - `just_back`: a 503, and each that could had come back less than three seconds before.
 * - `too_many`: a 503, and as many as one call may ask had failed so lately that they were still believed in.
 * - `gateway_away`: no answer, and there was no gateway.
 * - `stalled`: a 503, or too late an answer, and the machine kept somebody from running.
 * - `wrong`: anything else, which nobody may see.
 */
export type Outcome = "served" | "nobody" | "just_back" | "too_many" | "gateway_away" | "stalled" | "wrong";

export interface Verdict {
  readonly outcome: Outcome;
  /** What is wrong, where something is. */
  readonly wrong: string | null;
}

const REFUSALS = ["all_candidates_failed", "no_sfu_available"];

/** What a listener that ends may do to those who come in that moment (docs/operations.md): see `countResets`. */
const AWAY = ["ECONNREFUSED", "ECONNRESET"];

/** Judges one call by what the SFUs were at that time. */
export function judgeCall(call: Call, seen: Seen): Verdict {
  const { answer } = call;
  switch (answer.kind) {
    case "channel":
      return inTime(call, seen, { outcome: "served", wrong: wrongChannel(call, answer, seen) });
    case "nonsense":
      return wrong(`a 200 that is no channel: ${answer.body}`);
    case "refusal":
      // What it says when it has no time for a call: it should, where the machine leaves it none.
      if (answer.code === "too_busy" && isStalled(call, seen)) return inTime(call, seen, STALLED);
      if (answer.status !== 503 || !REFUSALS.includes(answer.code) || answer.retryAfter === null) {
        return wrong(`status ${String(answer.status)} ${answer.code}, Retry-After ${String(answer.retryAfter)}`);
      }
      return inTime(call, seen, justify(call, seen));
    case "nothing":
      if (AWAY.includes(answer.error) && overlaps(seen.gateway.fitness.outages, call.begunMs, call.endedMs)) {
        return { outcome: "gateway_away", wrong: null };
      }
      return isStalled(call, seen) ? STALLED : wrong(`no answer: ${answer.error}`);
  }
}

const STALLED: Verdict = { outcome: "stalled", wrong: null };

function wrong(what: string): Verdict {
  return { outcome: "wrong", wrong: what };
}

/** What has piled up while nobody could run takes its time. */
function isStalled({ begunMs, endedMs }: Call, { stalls }: Seen): boolean {
  return overlaps(stalls, begunMs - RECOVERY_MS, endedMs);
}

function inTime(call: Call, seen: Seen, verdict: Verdict): Verdict {
  if (verdict.wrong !== null) return { ...verdict, outcome: "wrong" };
  const tookMs = call.endedMs - call.begunMs;
  if (tookMs <= BUDGET_MS + MARGIN_MS) return verdict;
  if (isStalled(call, seen)) return STALLED;
  const limit = tookMs > ODOO_WAITS_MS ? "Odoo has given up" : "beyond its budget";
  return wrong(`answered after ${tookMs.toFixed(0)} ms: ${limit}`);
}

function wrongChannel(call: Call, { uuid, url }: { uuid: string; url: string }, { made }: Seen): string | null {
  const channel = made.get(uuid);
  if (channel === undefined) return `nobody has made the channel ${uuid}`;
  if (channel.iss !== call.iss) return `the channel of another conference, ${channel.iss}`;
  if (channel.sfu.address !== url) return `a channel of ${channel.sfu.address} with the URL ${url}`;
  if (channel.life.toMs < call.begunMs - SHARED_MS) return `a channel of a process that had been dead by then`;
  return null;
}

/** Whether a 503 is what anybody could have said. */
function justify(call: Call, seen: Seen): Verdict {
  const { begunMs, endedMs } = call;
  const wasThere = ({ fitness }: ChaosSfu, sinceMs: number): boolean => !overlaps(fitness.outages, sinceMs, endedMs);
  const reliable = seen.sfus.filter((sfu) => wasThere(sfu, begunMs - RECOVERY_MS));
  if (reliable.length === 0) {
    return { outcome: seen.sfus.some((sfu) => wasThere(sfu, begunMs)) ? "just_back" : "nobody", wrong: null };
  }
  const fell = seen.sfus.filter(({ fitness }) =>
    fitness.outages.some(({ fromMs, toMs }) => fromMs > begunMs - DETECTION_MS && fromMs <= endedMs && toMs >= begunMs),
  );
  if (fell.length >= MOST_ASKED) return { outcome: "too_many", wrong: null };
  if (isStalled(call, seen)) return STALLED;
  return wrong(`503, and ${reliable.map(({ address }) => address).join(" and ")} could have served it`);
}
