import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu, type SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "./cleanup.ts";
import { seeded } from "./random.ts";
import { sfuKey } from "./tokens.ts";

/** Starts simulated SFUs that answer at once, and closes them after each spec of the suite that called this. */
export function useSimulatedSfus(): (options?: Partial<SimulatedSfuOptions>) => Promise<SimulatedSfu> {
  const cleanUp = useCleanup();
  return async (options = {}) => {
    const sfu = new SimulatedSfu({
      key: sfuKey(1),
      clock: systemClock,
      random: seeded(1),
      latencyMs: { min: 0, max: 0 },
      ...options,
    });
    cleanUp(() => sfu.close());
    await sfu.listen();
    return sfu;
  };
}
