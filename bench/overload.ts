import { parseArgs } from "node:util";
import { sleep, systemClock } from "../lib/clock.ts";
import type { Connections } from "./overload/messages.ts";
import { callersLateMs, type Phase, quantile, runPhase, show, timesOf } from "./overload/phase.ts";
import { openStage, type Stage } from "./overload/stage.ts";

/*
 * What becomes of a gateway that is asked for more than it can serve? Finds how many calls it serves at most, asks for that, for
 * 1.5, 2 and 4 times of it, and then for half: how much is left of what it serves at 1x, how long answers take, and how
 * soon it is over. Times are p50/p99/longest. A neighbour may take some of the processor, so what was served is also told for
 * each second that the gateway had of it, and the better of both is judged. Exits with 1 where less than FLOOR is left,
 * where an SFU was blamed, where an answer was neither 200 nor 503, or where it was not over after RECOVERY_S.
 *
 *   npm run bench:overload -- --seconds 6       (four minutes)
 *   npm run bench:overload -- --quick           (a minute)
 */
const { values } = parseArgs({
  options: { seconds: { type: "string", default: "6" }, quick: { type: "boolean", default: false } },
});
const SECONDS = values.quick ? 3 : Number(values.seconds);
const TIMES = values.quick ? [2] : [1.5, 2, 4];
const KINDS: readonly Connections[] = ["kept", "fresh"];

/** On a machine of one's own it is 0.9; two processors that others use have their moods. */
const FLOOR = 0.7;
const RECOVERY_S = 3;
/** In calls a second. */
const WARM_UP = 200;
/** Callers who are themselves this late ask for less than they should: such a phase proves nothing. */
const MAX_LATE_MS = 250;
/** Between two phases: who was on his guard is so no more, and who has given up is gone. */
const PAUSE_MS = 6000;

const troubles: string[] = [];

/** Rising rates, until two in a row are not served any more. */
async function findPeak(stage: Stage, connections: Connections): Promise<Phase> {
  let peak = await runPhase(stage, connections, WARM_UP, SECONDS);
  for (let perSecond = WARM_UP, tooMany = 0; tooMany < 2; perSecond *= 1.3) {
    const phase = await runPhase(stage, connections, perSecond, SECONDS / 2);
    if (phase.goodput > peak.goodput) peak = phase;
    tooMany = phase.goodput < perSecond * 0.8 ? tooMany + 1 : 0;
  }
  return peak;
}

/** @returns in which second after the overload everybody was served, and as quickly as before; Infinity for none */
function recoveredIn(phase: Phase, usualMs: number): number {
  for (let second = 1; second <= SECONDS; second++) {
    const results = phase.results.filter(({ dueMs }) => dueMs >= (second - 1) * 1000 && dueMs < second * 1000);
    const isServed = results.filter(({ status }) => status === 200).length >= results.length * 0.98;
    if (isServed && quantile(timesOf({ results }, 200), 0.99) < 2 * usualMs + 100) return second;
  }
  return Infinity;
}

function judge(times: number, phase: Phase, full: readonly [Phase, Phase]): void {
  const ofFull = (part: "goodput" | "perProcessor"): number => (2 * phase[part]) / (full[0][part] + full[1][part]);
  const [ratio, ofProcessor] = [ofFull("goodput"), ofFull("perProcessor")];
  process.stdout.write(
    `          ${ratio.toFixed(2)} of what 1x serves, ${ofProcessor.toFixed(2)} for the processor that it had\n`,
  );
  const name = `${String(times)}x over ${phase.connections} connections`;
  const strange = phase.results.filter(({ status }) => ![0, 200, 503].includes(status)).length;
  if (strange > 0) troubles.push(`${name}: ${String(strange)} answers are neither 200 nor 503`);
  if (callersLateMs(phase) > MAX_LATE_MS) process.stdout.write("          not judged: the callers were late\n");
  else if (Math.max(ratio, ofProcessor) < FLOOR) troubles.push(`${name}: less than ${String(FLOOR)} is left`);
}

/** As much as it can serve: what an overload is compared with, before and after it, for the machine is never the same. */
async function runFull(stage: Stage, { connections, goodput }: Phase): Promise<Phase> {
  const phase = await runPhase(stage, connections, goodput, SECONDS);
  process.stdout.write(show("1x", phase));
  await sleep(systemClock, PAUSE_MS);
  return phase;
}

async function measure(stage: Stage, connections: Connections): Promise<void> {
  const peak = await findPeak(stage, connections);
  process.stdout.write(show("most", peak));
  await sleep(systemClock, PAUSE_MS);
  const half = peak.goodput / 2;
  const usual = await runPhase(stage, connections, half, SECONDS);
  process.stdout.write(show("half", usual));
  const usualMs = quantile(timesOf(usual, 200), 0.99);
  let before = await runFull(stage, peak);
  for (const times of TIMES) {
    const phase = await runPhase(stage, connections, times * peak.goodput, SECONDS);
    const after = await runPhase(stage, connections, half, SECONDS);
    const next = await runFull(stage, peak);
    process.stdout.write(show(`${String(times)}x`, phase));
    judge(times, phase, [before, next]);
    before = next;
    const second = recoveredIn(after, usualMs);
    process.stdout.write(show("then half", after));
    process.stdout.write(`          as before in second ${String(second)}\n`);
    if (second > RECOVERY_S) troubles.push(`not over ${String(RECOVERY_S)} s after ${String(times)}x (${connections})`);
    await sleep(systemClock, PAUSE_MS);
  }
}

const stage = await openStage();
try {
  for (const connections of KINDS) await measure(stage, connections);
  for (const line of stage.blamed.slice(0, 5)) troubles.push(`an SFU was blamed: ${line}`);
} finally {
  await stage.close();
}
for (const line of troubles) process.stdout.write(`TROUBLE ${line}\n`);
process.exitCode = troubles.length > 0 ? 1 : 0;
