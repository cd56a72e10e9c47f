import type { Config } from "../../../lib/config/config.ts";
import type { SfuError } from "../../../lib/errors.ts";
import { judge } from "../../../lib/failover/retryable.ts";
import type { BreakerModel } from "./model-breaker.ts";

/** What an SFU does with a join: after so long, Infinity for never, it serves or fails so. */
export interface Behaviour {
  readonly afterMs: number;
  readonly error: SfuError | null;
}

/** One SFU as a call finds it. */
export interface ModelSfu {
  readonly breaker: BreakerModel;
  readonly behaviour: Behaviour;
  readonly isFull: boolean;
}

export interface ModelCall {
  readonly startMs: number;
  readonly budgetMs: number;
  /** The index of the SFU that its conference is assigned to. */
  readonly assigned: number | null;
}

/** One attempt, by the index of its SFU. */
export interface ModelAttempt {
  readonly sfu: number;
  readonly timeoutMs: number;
  readonly durationMs: number;
  readonly failure: string | null;
}

export interface Prediction {
  readonly attempts: readonly ModelAttempt[];
  /** The index of the SFU that served it, or the code of the error. */
  readonly outcome: number | string;
  readonly endMs: number;
}

/**
 * What becomes of a call that nobody else's disturbs: the SFU of its conference, then the others in their order, each once,
 * while time and attempts are left. The breakers hear of it.
 */
export function predict(fleet: readonly ModelSfu[], call: ModelCall, settings: Config["failover"]): Prediction {
  const attempts: ModelAttempt[] = [];
  /** Answers that are no channel: who is to blame for them shows when the call is over. */
  const unsure: ((verdict: "fault" | "fine" | "nothing") => void)[] = [];
  let nowMs = call.startMs;
  /** In the order of the fleet as it was when it was last looked at. */
  let ranked: readonly number[] = [];
  let isResorting = false;

  const indices = fleet.map((_, index) => index);
  const isLeft = (index: number): boolean => !attempts.some(({ sfu }) => sfu === index);
  const isOut = (index: number): boolean => fleet[index]!.breaker.admits === "none";
  const isOpenTo = (index: number): boolean => fleet[index]!.breaker.admits === "all" && !fleet[index]!.isFull;
  const mayTake = (index: number): boolean =>
    isLeft(index) && (isOpenTo(index) || (attempts.length === 0 && index === call.assigned && !isOut(index)));
  const isSomebodyFull = (): boolean => fleet.some(({ breaker, isFull }) => isFull && breaker.admits === "all");
  const mayResort = (): boolean => isResorting || !isSomebodyFull();
  const mayReturn = (index: number): boolean => isLeft(index) && isOut(index) && fleet[index]!.breaker.mayBeTried;

  const first = (among: (index: number) => boolean): number | null => {
    if (attempts.length === 0 && call.assigned !== null && among(call.assigned)) return call.assigned;
    const next = ranked.find(among);
    if (next !== undefined) return next;
    ranked = indices.filter(among);
    return ranked[0] ?? null;
  };
  const end = (outcome: number | string): Prediction => {
    const verdict = typeof outcome === "number" ? "fault" : unsure.length > 1 ? "fine" : "nothing";
    for (const tell of unsure) tell(verdict);
    return { attempts, outcome, endMs: nowMs };
  };

  while (attempts.length < settings.maxRetries) {
    for (const { breaker } of fleet) breaker.pass(nowMs);
    const usual = indices.filter(mayTake).length;
    const toCome = usual + (isResorting || (usual === 0 && mayResort()) ? indices.filter(mayReturn).length : 0);
    const leftMs = Math.floor(call.startMs + call.budgetMs - nowMs);
    const share = Math.floor(leftMs / Math.max(1, Math.min(toCome, settings.maxRetries - attempts.length)));
    const timeoutMs = Math.min(settings.attemptTimeoutMs, Math.max(share, Math.min(leftMs, 100)));
    if (timeoutMs <= 0) break;
    const isUsual = usual > 0;
    const sfu = isUsual ? first(mayTake) : mayResort() ? first(mayReturn) : null;
    if (sfu === null) break;
    isResorting ||= !isUsual;

    const { breaker, behaviour } = fleet[sfu]!;
    const run = breaker.begin(!isUsual, nowMs)!;
    const isInTime = behaviour.afterMs < timeoutMs;
    const durationMs = isInTime ? behaviour.afterMs : timeoutMs;
    const failure = isInTime ? (behaviour.error?.failure ?? null) : "timeout";
    nowMs += durationMs;
    for (const each of fleet) each.breaker.pass(nowMs);
    attempts.push({ sfu, timeoutMs, durationMs, failure });
    if (failure === null) {
      breaker.end(run, "fine", nowMs);
      return end(sfu);
    }
    const { then, blame } = isInTime ? judge(behaviour.error) : ({ then: "next", blame: "sfu" } as const);
    if (blame === "unsure") unsure.push((verdict) => breaker.end(run, verdict, nowMs));
    else breaker.end(run, blame === "sfu" ? "fault" : "fine", nowMs);
    if (then === "stop") return end("refused_by_sfu");
  }
  if (attempts.length > 0) return end("all_candidates_failed");
  return end(isSomebodyFull() ? "overloaded" : "no_sfu_available");
}
