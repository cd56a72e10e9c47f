import { sleep, systemClock } from "../../lib/clock.ts";
import { columnsOf, type ScenarioResult } from "./faults/columns.ts";
import { play } from "./faults/play.ts";
import { allScenarios, type Pace, type Scenario, turnsOf } from "./faults/scenarios.ts";
import { openStage, type Stage } from "./faults/stage.ts";
import type { Peer } from "./peer.ts";

/** What each peer makes of SFUs that fail; plain JSON. */
export interface FaultResult {
  readonly pace: Pace;
  readonly peers: readonly PeerFaults[];
}

export interface PeerFaults {
  readonly name: string;
  readonly version: string;
  readonly scenarios: readonly ScenarioResult[];
}

export interface FaultOptions {
  /** Those that do not survive faults, or are not installed, are left out. */
  readonly peers: readonly Peer[];
  /** Only that it works: one fault, and too short to judge by. */
  readonly brief: boolean;
  /** One peer after the other, which takes as many times as long: for whoever doubts that they leave each other alone. */
  readonly alone?: boolean;
  readonly say: (line: string) => void;
}

const PACE: Pace = { perSecond: 200, healthyMs: 4000, faultMs: 8000, flappingMs: 15_000, backMs: 15_000 };
const BRIEF: Pace = { perSecond: 50, healthyMs: 1000, faultMs: 2500, flappingMs: 2500, backMs: 5000 };

/** One whose joins can be counted for each peer at the same time. */
const BRIEF_SCENARIO: Scenario = { fault: "reset", victims: [0] };

/** The calls that a peer has had when it is as fast as it will be. */
const WARM_UP = { perSecond: 400, ms: 5000 };

/**
 * Three SFUs, callers like Odoo, and one fault after the other: for each peer, all of them at the same time, with SFUs and callers
 * of its own for each.
 *
 * @throws where a process does not do what it is told; none is left behind
 */
export async function measureFaults({ peers, brief, alone = false, say }: FaultOptions): Promise<FaultResult> {
  const pace = brief ? BRIEF : PACE;
  const stages: Stage[] = [];
  try {
    for (const peer of peers) {
      if (peer.survivesFaults && peer.version() !== null) stages.push(await openStage(peer, stages.length));
    }
    if (!brief) await Promise.all(stages.map(warmUp));
    const found: (readonly ScenarioResult[])[] = [];
    for (const together of alone ? stages.map((stage) => [stage]) : [stages]) {
      const turns = brief ? [together.map(() => BRIEF_SCENARIO)] : turnsOf(allScenarios(), together.length);
      found.push(...(await playAll(together, turns, pace, say)));
    }
    return {
      pace,
      peers: stages.map(({ peer }, index) => {
        return { name: peer.name, version: peer.version() ?? "", scenarios: found[index] ?? [] };
      }),
    };
  } finally {
    await Promise.all(stages.map((stage) => stage.close()));
  }
}

/** @returns for each peer its results, in the order of the scenarios and not of the turns */
async function playAll(
  stages: readonly Stage[],
  turns: readonly (readonly Scenario[])[],
  pace: Pace,
  say: FaultOptions["say"],
): Promise<readonly (readonly ScenarioResult[])[]> {
  const found = stages.map(() => new Map<Scenario, ScenarioResult>());
  for (const turn of turns) {
    const playIt = async (stage: Stage, index: number): Promise<void> => {
      const scenario = turn[index];
      if (scenario !== undefined) found[index]?.set(scenario, await playOne(stage, scenario, pace, say));
    };
    await Promise.all(stages.map(playIt));
  }
  const inOrder = turns.flatMap(([scenario]) => (scenario === undefined ? [] : [scenario]));
  return found.map((results) => inOrder.flatMap((scenario) => results.get(scenario) ?? []));
}

async function warmUp(stage: Stage): Promise<void> {
  stage.beginCalls(WARM_UP.perSecond);
  await sleep(systemClock, WARM_UP.ms);
  await stage.endCalls();
}

async function playOne(
  stage: Stage,
  scenario: Scenario,
  pace: Pace,
  say: FaultOptions["say"],
): Promise<ScenarioResult> {
  const seen = await play(stage, scenario, pace);
  if ((seen.strays ?? 0) > 0)
    say(`others on this machine were refused ${String(seen.strays)} connections: not a quiet one`);
  const result = columnsOf(seen);
  const { fault, victims, calls, inTime, lost, during } = result;
  const share = ((100 * inTime) / calls).toFixed(1);
  const times = `p50 ${during.p50Ms.toFixed(1)} p99 ${during.p99Ms.toFixed(0)} worst ${during.worstMs.toFixed(0)} ms`;
  const others = Object.entries(lost).map(([outcome, count]) => `, ${String(count)} ${outcome}`);
  say(`${stage.peer.name}: ${fault}, ${String(victims)} of 3 SFUs: ${share} % in time${others.join("")}, ${times}`);
  return result;
}
