import { GATEWAY_KEY } from "../../../spec/support/tokens.ts";
import type { Peer } from "../peer.ts";
import type { TokenFile, TokenRange } from "../tokens.ts";
import { type Calls, callPeer } from "./calls.ts";
import { startPlainSfus } from "./sfus.ts";

/** One peer as so many processes (nginx: workers, HAProxy: threads) on one port, with as many calls as it answers. */
export interface Shared extends Calls {
  readonly name: string;
  readonly processes: number;
}

export interface SharingPace {
  readonly processes: readonly number[];
  readonly warmUpS: number;
  readonly seconds: number;
}

const SFUS = 3;
/** The kernel shares connections out at random: of many, each process gets about as many. */
const CONNECTIONS = 64;

export async function measureSharing(
  peers: readonly Peer[],
  pace: SharingPace,
  tokens: TokenFile,
  range: TokenRange,
): Promise<readonly Shared[]> {
  const { sfus, close } = await startPlainSfus(SFUS);
  const results: Shared[] = [];
  try {
    for (const processes of pace.processes) {
      for (const peer of peers.filter(({ survivesFaults }) => survivesFaults)) {
        const running = await peer.start({ gatewayKey: GATEWAY_KEY, sfus, processes });
        try {
          const order = { callsPerSecond: 0, connections: CONNECTIONS, tokens, range };
          if (pace.warmUpS > 0) await callPeer(running, { ...order, seconds: pace.warmUpS });
          const calls = await callPeer(running, { ...order, seconds: pace.seconds });
          results.push({ name: peer.name, processes, ...calls });
        } finally {
          await running.close();
        }
      }
    }
    return results;
  } finally {
    await close();
  }
}
