import { sleep, systemClock } from "../../../lib/clock.ts";
import type { CallResult } from "./messages.ts";
import { moment } from "./moment.ts";
import { watchRefusals } from "./refusals.ts";
import { closesPort, HARMS, type Pace, type Scenario } from "./scenarios.ts";
import type { BenchSfu } from "./sfus.ts";
import type { Stage } from "./stage.ts";

/** What was seen of one scenario; times are moments. */
export interface Observation {
  readonly scenario: Scenario;
  readonly calls: readonly CallResult[];
  readonly brokenMs: number;
  /** When all serve again. */
  readonly healedMs: number;
  /** How long the fault is on at a time: all of it, but for flapping. */
  readonly spellMs: number;
  /** When the calls were due that reached a victim while the fault was on, each as often as it was tried there. */
  readonly triesMs: readonly number[];
  /** For each victim, when the first call was due that reached it after that; null where none did in time. */
  readonly backMs: readonly (number | null)[];
  /** Connections that were refused while all were healthy, and so were others' on this machine; null where nobody counted. */
  readonly strays: number | null;
}

const LOOK_EVERY_MS = 50;

export async function play(stage: Stage, scenario: Scenario, pace: Pace): Promise<Observation> {
  const { fault } = scenario;
  const harm = HARMS[fault];
  const victims = stage.sfus.filter((_, index) => scenario.victims.includes(index));
  await Promise.all(victims.map((sfu) => sfu.prepare(harm)));
  const joins = victims.map((sfu) => listen(sfu));
  const refusedMs: number[] = [];
  const stop = closesPort(fault) ? watchRefusals((atMs) => refusedMs.push(atMs)) : () => undefined;
  stage.beginCalls(pace.perSecond);
  await sleep(systemClock, pace.healthyMs);
  const strays = closesPort(fault) ? refusedMs.length : null;

  const brokenMs = moment();
  await Promise.all(victims.map((sfu) => sfu.break(harm)));
  await sleep(systemClock, harm.kind === "flap" ? pace.flappingMs : pace.faultMs);
  stop();
  await Promise.all(victims.map((sfu) => sfu.heal()));
  const healedMs = moment();

  const backMs = await Promise.all(joins.map((dueMs) => returned(dueMs, healedMs, pace.backMs)));
  const calls = await stage.endCalls();
  const isOn = (ms: number): boolean => ms >= brokenMs && ms < healedMs;
  return {
    scenario,
    calls,
    brokenMs,
    healedMs,
    spellMs: harm.kind === "flap" ? harm.everyMs : pace.faultMs,
    triesMs: [...(closesPort(fault) ? refusedMs : joins.flat())].filter(isOn).toSorted((a, b) => a - b),
    backMs,
    strays,
  };
}

/** @returns filled with when the calls were due that arrive there */
function listen(sfu: BenchSfu): readonly number[] {
  const dueMs: number[] = [];
  sfu.onJoin = (ms) => dueMs.push(ms);
  return dueMs;
}

async function returned(dueMs: readonly number[], sinceMs: number, patienceMs: number): Promise<number | null> {
  while (moment() < sinceMs + patienceMs) {
    const first = dueMs.filter((ms) => ms >= sinceMs).sort((a, b) => a - b)[0];
    if (first !== undefined) return first;
    await sleep(systemClock, LOOK_EVERY_MS);
  }
  return null;
}
