import { systemClock } from "../../lib/clock.ts";
import type { Peer, RunningPeer } from "./peer.ts";
import { processorSeconds, residentMb } from "./processes.ts";
import { figuresOf, type SteadyFigures, type SteadyRun, tells, troublesOf } from "./steady-figures.ts";
import { BRIEF_LOADS, CONNECTIONS, type Load, LOADS, rangeOf, tokensFor } from "./steady-loads.ts";
import { openSteadyStage, type SteadyStage } from "./steady-stage.ts";
import type { TokenRange } from "./tokens.ts";
import { runWrk, wrkVersion } from "./wrk.ts";

export interface SteadyResult {
  readonly wrk: string;
  readonly rounds: number;
  readonly connections: number;
  /** Whether the peers had a processor to themselves. */
  readonly isPinned: boolean;
  readonly tookS: number;
  readonly peers: readonly SteadyPeer[];
  /** What must not be: calls that failed. */
  readonly troubles: readonly string[];
}

export interface SteadyPeer {
  readonly name: string;
  /** When all is over; null where there is no process. */
  readonly residentMb: number | null;
  readonly figures: readonly SteadyFigures[];
}

const ROUNDS = 5;
const WARM_UP_S = 14;

/** @throws where wrk is not installed */
export async function measureSteady(options: {
  readonly peers: readonly Peer[];
  readonly brief: boolean;
  readonly say: (line: string) => void;
}): Promise<SteadyResult> {
  const { peers, brief, say } = options;
  const wrk = wrkVersion();
  if (wrk === null) throw new Error("wrk is not installed");
  const [loads, rounds] = brief ? [BRIEF_LOADS, 1] : [LOADS, ROUNDS];
  const startedMs = systemClock.monotonic();
  const stage = await openSteadyStage(peers, tokensFor(loads));
  const runs: SteadyRun[] = [];
  try {
    if (!brief) await warmUp(stage, loads);
    for (let round = 0; round < rounds; round++) {
      for (const load of loads) {
        const range = rangeOf(load, round, loads);
        for (const [peer, running] of stage.running) {
          if (tells(peer, load)) runs.push({ peer, load, round, ...(await run(stage, running, load, range)) });
        }
      }
      say(`steady load: round ${String(round + 1)} of ${String(rounds)} is over`);
    }
    return {
      wrk,
      rounds,
      connections: CONNECTIONS,
      isPinned: stage.isPinned,
      tookS: (systemClock.monotonic() - startedMs) / 1000,
      peers: Array.from(stage.running, ([peer, running]) => ({
        name: peer.name,
        residentMb: running.pids().length === 0 ? null : residentMb(running.pids()),
        figures: loads.filter((load) => tells(peer, load)).map((load) => figuresOf(runs, peer, load)),
      })),
      troubles: runs.flatMap(troublesOf),
    };
  } finally {
    await stage.close();
  }
}

type Measured = Omit<SteadyRun, "peer" | "load" | "round">;

async function run(stage: SteadyStage, peer: RunningPeer, load: Load, range: TokenRange): Promise<Measured> {
  const pids = peer.pids();
  const beforeS = processorSeconds(pids);
  const result = await runWrk({ ...load, port: peer.port, connections: CONNECTIONS, tokens: stage.tokens, range });
  return { ...result, cpuS: pids.length === 0 ? null : processorSeconds(pids) - beforeS };
}

/** Until Node.js has compiled what is called often, and everybody has the connections that he keeps. */
async function warmUp(stage: SteadyStage, loads: readonly Load[]): Promise<void> {
  const [load] = loads;
  if (load === undefined) return;
  for (const peer of stage.running.values()) {
    if (peer.pids().length === 0) continue;
    // The set that will be asked for last.
    await run(stage, peer, { ...load, seconds: WARM_UP_S }, rangeOf(load, load.sets - 1, loads));
  }
}
