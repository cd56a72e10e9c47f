import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu, type SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { seeded } from "./random.ts";
import { sfuKey } from "./tokens.ts";

/** Starts simulated SFUs that answer at once, and closes them after each spec of the suite that called this. */
export function useSimulatedSfus(): (options?: Partial<SimulatedSfuOptions>) => Promise<SimulatedSfu> {
  const started: SimulatedSfu[] = [];
  afterEach(() => Promise.all(started.splice(0).map((sfu) => sfu.close())));
  return async (options = {}) => {
    const sfu = new SimulatedSfu({
      key: sfuKey(1),
      clock: systemClock,
      random: seeded(1),
      latencyMs: { min: 0, max: 0 },
      ...options,
    });
    started.push(sfu);
    await sfu.listen();
    return sfu;
  };
}
