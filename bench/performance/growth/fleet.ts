import { sleep, systemClock } from "../../../lib/clock.ts";
import { GATEWAY_KEY } from "../../../spec/support/tokens.ts";
import type { Peer, RunningPeer } from "../peer.ts";
import { gateway } from "../peers/gateway.ts";
import { processorSeconds, residentMb } from "../processes.ts";
import type { TokenFile } from "../tokens.ts";
import { type Calls, callPeer } from "./calls.ts";
import { startGateway } from "./gateway.ts";
import { type Look, timeLooks } from "./looks.ts";
import { rankingUs } from "./ranking.ts";
import { startPlainSfus } from "./sfus.ts";

/** What a fleet of one size costs. */
export interface FleetGrowth {
  readonly sfus: number;
  /** Of the gateway alone. */
  readonly servesMs: number;
  readonly healthyMs: number;
  readonly metrics: Look;
  readonly health: Look;
  /** Of the gateway, when `/metrics` and `/v1/health` have been asked for and calls have been placed. */
  readonly usedMb: number;
  readonly rankingUs: number;
  readonly peers: readonly PeerGrowth[];
}

export interface PeerGrowth {
  readonly name: string;
  /** The share of one processor while nobody calls. */
  readonly idleShare: number;
  /** Memory then, in MB. */
  readonly idleMb: number;
  /** Null where wrk is missing. */
  readonly calls: Calls | null;
}

export interface FleetPace {
  /** Whether others are measured beside the gateway. */
  readonly compares: boolean;
  /** From the moment when all is known and everybody serves: as long as a round of this fleet takes. */
  readonly settleS: number;
  readonly idleS: number;
  /** Before calls are measured, as many as are answered: until Node.js has compiled what is called often. */
  readonly warmUpS: number;
  readonly callsS: number;
  readonly looks: number;
}

/** What a quiet afternoon brings. */
const CALLS_PER_SECOND = 200;
const CONNECTIONS = 16;

/**
 * All peers in front of the same SFUs at the same time. While nobody calls they are measured together, for they do next to nothing
 * then; calls come to one after the other.
 */
export async function measureFleet(
  count: number,
  peers: readonly Peer[],
  pace: FleetPace,
  tokens: TokenFile | null,
): Promise<FleetGrowth> {
  const { sfus, close } = await startPlainSfus(count);
  const running: { readonly name: string; readonly peer: RunningPeer }[] = [];
  try {
    const ours = await startGateway(sfus);
    running.push({ name: gateway.name, peer: ours });
    for (const peer of pace.compares ? peers : []) {
      if (peer === gateway || !peer.survivesFaults) continue;
      running.push({ name: peer.name, peer: await peer.start({ gatewayKey: GATEWAY_KEY, sfus }) });
    }
    await sleep(systemClock, pace.settleS * 1000);
    const idle = await idleSharesOf(running, pace.idleS);
    const idleMb = running.map(({ peer }) => residentMb(peer.pids()));
    const metrics = await timeLooks(ours.port, "/metrics", pace.looks);
    const health = await timeLooks(ours.port, "/v1/health", pace.looks);
    const grown: PeerGrowth[] = [];
    for (const [index, { name, peer }] of running.entries()) {
      const idleShare = idle[index] ?? 0;
      const calls = tokens === null ? null : await callsOf(peer, pace, idleShare, tokens);
      grown.push({ name, idleShare, idleMb: idleMb[index] ?? NaN, calls });
    }
    const { servesMs, healthyMs } = ours;
    const usedMb = residentMb(ours.pids());
    return { sfus: count, servesMs, healthyMs, metrics, health, usedMb, rankingUs: rankingUs(count), peers: grown };
  } finally {
    await Promise.all(running.map(({ peer }) => peer.close()));
    await close();
  }
}

async function callsOf(
  peer: RunningPeer,
  { warmUpS, callsS }: FleetPace,
  idleShare: number,
  tokens: TokenFile,
): Promise<Calls> {
  const order = { connections: CONNECTIONS, tokens, idleShare };
  const count = CALLS_PER_SECOND * callsS;
  // Others than those that are measured: most calls begin a conference.
  const warmUp = { callsPerSecond: 0, seconds: warmUpS, range: { first: count, count } };
  if (warmUpS > 0) await callPeer(peer, { ...order, ...warmUp });
  return callPeer(peer, {
    ...order,
    callsPerSecond: CALLS_PER_SECOND,
    seconds: callsS,
    range: { first: 0, count },
  });
}

async function idleSharesOf(
  running: readonly { readonly peer: RunningPeer }[],
  seconds: number,
): Promise<readonly number[]> {
  const used = (): readonly number[] => running.map(({ peer }) => processorSeconds(peer.pids()));
  const before = used();
  const startedMs = systemClock.monotonic();
  await sleep(systemClock, seconds * 1000);
  const tookS = (systemClock.monotonic() - startedMs) / 1000;
  return used().map((afterS, index) => (afterS - (before[index] ?? 0)) / tookS);
}
