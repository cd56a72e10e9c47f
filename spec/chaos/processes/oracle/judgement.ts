import { overlaps } from "../fitness.ts";
import type { Seen } from "../stage.ts";
import { judgeCall, type Outcome, type Verdict } from "./answers.ts";
import { splitConferences } from "./conferences.ts";
import { RECOVERY_MS } from "./limits.ts";
import { unexplainedLines } from "./log.ts";
import { type Recovery, recoveries } from "./recovery.ts";

/** What the oracle says of a scenario. */
export interface Judgement {
  readonly counts: Readonly<Record<Outcome, number>>;
  /** How long each call took that got an answer, in milliseconds. */
  readonly tookMs: readonly number[];
  readonly recoveries: readonly Recovery[];
  /** What must not be; empty where all is well. */
  readonly violations: readonly string[];
}

/** More than a process of this size ever has: a leak would pass them sooner or later. */
const MOST_MB = 400;
const MOST_FDS = 300;

/** What may be left of handles once the calls are over: idle connections to SFUs, and ours. */
const FDS_LEFT = 15;

/** A kernel resets whom it has let in just as a listener ends (docs/operations.md): so many each time. */
const RESETS = 2;

export function judge(seen: Seen): Judgement {
  const verdicts = new Map(seen.calls.map((call) => [call.id, judgeCall(call, seen)]));
  const counts: Record<Outcome, number> = {
    served: 0,
    nobody: 0,
    just_back: 0,
    too_many: 0,
    gateway_away: 0,
    stalled: 0,
    wrong: 0,
  };
  for (const { outcome } of verdicts.values()) counts[outcome]++;
  const back = recoveries(seen);
  return {
    counts,
    tookMs: seen.calls
      .filter(({ answer }) => answer.kind !== "nothing")
      .map(({ begunMs, endedMs }) => endedMs - begunMs),
    recoveries: back,
    violations: [
      ...wrongCalls(seen, verdicts),
      ...unserved(seen, counts),
      ...splitConferences(seen),
      ...unexplainedLines(seen, verdicts),
      ...lateRecoveries(back),
      ...badHealth(seen),
    ],
  };
}

function wrongCalls({ calls, gateway }: Seen, verdicts: ReadonlyMap<string, Verdict>): readonly string[] {
  const startMs = Math.min(...calls.map(({ begunMs }) => begunMs));
  return calls.flatMap(({ id, iss, begunMs }) => {
    const reason = verdicts.get(id)?.wrong ?? null;
    if (reason === null) return [];
    const words = gateway.complaints.find(({ fields }) => fields.requestId === id)?.fields.msg as string | undefined;
    const at = ((begunMs - startMs) / 1000).toFixed(2);
    return [`${at} s, call ${id} of ${iss}: ${reason}${words === undefined ? "" : `; the gateway: ${words}`}`];
  });
}

/** What is never justified where somebody was there all the time. */
function unserved(
  { scenario }: Seen,
  { nobody, just_back: justBack, too_many: tooMany }: Judgement["counts"],
): string[] {
  const count = nobody + justBack + tooMany;
  return scenario.servesAll && count > 0
    ? [`${String(count)} calls were not served, and one SFU was always there`]
    : [];
}

function lateRecoveries(all: readonly Recovery[]): readonly string[] {
  return all
    .filter(({ isStalled }) => !isStalled)
    .filter(({ firstChannelMs, lastRefusalMs }) => Math.max(firstChannelMs, lastRefusalMs) > RECOVERY_MS)
    .map(
      ({ firstChannelMs, lastRefusalMs }) =>
        `back late: first channel after ${firstChannelMs.toFixed(0)} ms, last 503 after ${lastRefusalMs.toFixed(0)} ms`,
    );
}

function badHealth({ gateway, calls, stalls }: Seen): readonly string[] {
  const { stderr, exitCodes, vitals, fitness } = gateway;
  const bad: string[] = [];
  if (stderr !== "") bad.push(`on its standard error: ${stderr.slice(0, 500)}`);
  if (exitCodes.some((code) => code !== 0)) bad.push(`it has ended with ${exitCodes.join(", ")}`);
  const mostMb = Math.max(...vitals.map(({ residentMb }) => residentMb));
  const mostFds = Math.max(...vitals.map(({ openFds }) => openFds));
  if (mostMb > MOST_MB) bad.push(`${mostMb.toFixed(0)} MB of memory`);
  if (mostFds > MOST_FDS) bad.push(`${String(mostFds)} open handles`);
  const [first, last] = [vitals[0], vitals.at(-1)];
  if (first !== undefined && last !== undefined && last.openFds > first.openFds + FDS_LEFT) {
    bad.push(`${String(last.openFds)} handles are open after the calls, ${String(first.openFds)} were before them`);
  }
  const resets = calls.filter(
    ({ answer, begunMs, endedMs }) =>
      answer.kind === "nothing" && answer.error === "ECONNRESET" && !overlaps(stalls, begunMs - RECOVERY_MS, endedMs),
  ).length;
  if (resets > RESETS * fitness.outages.length) bad.push(`${String(resets)} connections were reset by restarts`);
  return bad;
}
