import type { RunningPeer } from "../peer.ts";
import { processorSeconds } from "../processes.ts";
import type { TokenFile, TokenRange } from "../tokens.ts";
import { runWrk } from "../wrk.ts";

export interface Calls {
  readonly callsPerSecond: number;
  /** Processor time of a call, in microseconds, without what the proxy takes while nobody calls. */
  readonly cpuUs: number;
  /** The share of one processor that it had. */
  readonly busy: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface CallsOrder {
  /** 0 for as many as are answered. */
  readonly callsPerSecond: number;
  readonly connections: number;
  readonly seconds: number;
  readonly tokens: TokenFile;
  readonly range: TokenRange;
  /** The share of a processor that it takes while nobody calls. */
  readonly idleShare?: number;
}

/** @throws where a call was not answered well: a cost of failures would be none */
export async function callPeer(peer: RunningPeer, order: CallsOrder): Promise<Calls> {
  const { idleShare = 0 } = order;
  const beforeS = processorSeconds(peer.pids());
  const { calls, seconds, failed, p50Us, p99Us } = await runWrk({ ...order, port: peer.port, keepsConnections: true });
  const cpuS = processorSeconds(peer.pids()) - beforeS;
  if (calls === 0 || failed > 0) throw new Error(`${String(failed)} of ${String(calls)} calls failed`);
  return {
    callsPerSecond: calls / seconds,
    cpuUs: (Math.max(0, cpuS - idleShare * seconds) * 1e6) / calls,
    busy: cpuS / seconds,
    p50Us,
    p99Us,
  };
}
