import { systemClock } from "../../../lib/clock.ts";
import { ask } from "../../../spec/support/request.ts";
import { residentMb } from "../processes.ts";
import type { TokenFile } from "../tokens.ts";
import { type Calls, callPeer } from "./calls.ts";
import { startGateway } from "./gateway.ts";
import { type Look, timeLooks } from "./looks.ts";
import { startPlainSfus } from "./sfus.ts";

/** What a gateway costs that knows where so many conferences are. */
export interface AssignmentGrowth {
  readonly wanted: number;
  /** What `/metrics` counts. */
  readonly assignments: number;
  readonly residentMb: number;
  readonly metrics: Look;
  /** To conferences that it knows. */
  readonly calls: Calls;
}

export interface AssignmentPace {
  readonly counts: readonly number[];
  /** For the filling of all of them; what is not there by then is not waited for. */
  readonly fillS: number;
  readonly callsS: number;
  readonly looks: number;
}

const SFUS = 3;
const CALLS_PER_SECOND = 200;
const FILLERS = 64;
/** In one run of wrk; between two of them it is looked whether there are enough. */
const FILL_STEP_S = 5;

/** @param tokens at least as many as the most assignments */
export async function measureAssignments(
  pace: AssignmentPace,
  tokens: TokenFile,
): Promise<readonly AssignmentGrowth[]> {
  const { sfus, close } = await startPlainSfus(SFUS);
  try {
    const gateway = await startGateway(sfus);
    try {
      const results: AssignmentGrowth[] = [];
      const untilMs = systemClock.monotonic() + pace.fillS * 1000;
      let known = 0;
      for (const wanted of pace.counts) {
        while (known < wanted && systemClock.monotonic() < untilMs) {
          // wrk begins with the first of them, and goes through all in turn.
          const range = { first: known, count: wanted - known };
          const seconds = wanted - known < 2000 ? 1 : FILL_STEP_S;
          const order = { callsPerSecond: 0, connections: Math.min(FILLERS, range.count), seconds, tokens, range };
          await callPeer(gateway, order);
          known = await assignmentsOf(gateway.port);
        }
        const metrics = await timeLooks(gateway.port, "/metrics", pace.looks);
        const range = { first: 0, count: Math.min(known, CALLS_PER_SECOND * pace.callsS) };
        const calls = await callPeer(gateway, {
          ...{ callsPerSecond: CALLS_PER_SECOND, connections: Math.min(16, known), seconds: pace.callsS },
          ...{ tokens, range },
        });
        results.push({ wanted, assignments: known, residentMb: residentMb(gateway.pids()), metrics, calls });
      }
      return results;
    } finally {
      await gateway.close();
    }
  } finally {
    await close();
  }
}

async function assignmentsOf(port: number): Promise<number> {
  const { body } = await ask(`http://127.0.0.1:${String(port)}/metrics`);
  return Number(/^sfu_gateway_assignments (\d+)$/m.exec(body)?.[1] ?? NaN);
}
