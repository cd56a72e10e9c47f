import { parseKey } from "../../lib/auth/keys.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { type Fault, SimulatedSfu, type SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "./cleanup.ts";
import { seeded } from "./random.ts";
import { sfuKey } from "./tokens.ts";

/** An SFU as the registry holds it; number and the rest as the spec needs. */
export function sfuOf(number: number, parts: Partial<Sfu> = {}): Sfu {
  return {
    address: `http://sfu${String(number)}.test`,
    region: null,
    publicUrl: null,
    weight: 1,
    maxSessions: 1000,
    source: "static",
    key: parseKey(sfuKey(number)),
    statsToken: null,
    ...parts,
  };
}

/** Simulated SFUs on real sockets, and their entries for the gateway's configuration. */
export interface SimulatedFleet {
  readonly sfus: readonly SimulatedSfu[];
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  /** How many requests for a channel the SFUs have seen, key checks left out. */
  joins(): number;
  break(fault: Fault, ...indices: number[]): Promise<void>;
  close(): Promise<void>;
}

/** Starts fleets, and closes them after each spec of the suite that called this. */
export function useFleet(): typeof startFleet {
  const cleanUp = useCleanup();
  return async (...options) => {
    const fleet = await startFleet(...options);
    cleanUp(() => fleet.close());
    return fleet;
  };
}

export async function startFleet(
  count: number,
  options: Partial<SimulatedSfuOptions> = {},
  entry: (index: number) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<SimulatedFleet> {
  const sfus = Array.from(
    { length: count },
    (_, index) =>
      new SimulatedSfu({ key: sfuKey(index + 1), clock: systemClock, random: seeded(index + 1), ...options }),
  );
  await Promise.all(sfus.map((sfu) => sfu.listen()));
  return {
    sfus,
    entries: sfus.map((sfu, index) => ({ address: sfu.address, key: sfuKey(index + 1), ...entry(index) })),
    joins: () =>
      sfus.reduce((sum, sfu) => sum + sfu.requests.filter(({ claims }) => claims?.iss !== undefined).length, 0),
    async break(fault, ...indices) {
      for (const index of indices) await sfus[index]!.break(fault);
    },
    async close() {
      await Promise.all(sfus.map((sfu) => sfu.close()));
    },
  };
}
