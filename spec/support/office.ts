import type { SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "./cleanup.ts";
import { type SimulatedFleet, startFleet } from "./fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "./gateway.ts";

/** A gateway in front of simulated SFUs, new for each spec. */
export interface Office {
  readonly fleet: SimulatedFleet;
  readonly gateway: TestGateway;
}

export interface OfficeOptions {
  readonly sfu?: Partial<SimulatedSfuOptions>;
  readonly gateway?: Omit<GatewaySetup, "sfus">;
}

/** Opens an office for each spec of the suite that called this, and closes it afterwards. */
export function useOffice(sfus: number, options: OfficeOptions = {}): Office {
  const cleanUp = useCleanup();
  let fleet: SimulatedFleet | null = null;
  let gateway: TestGateway | null = null;
  beforeEach(async () => {
    fleet = await startFleet(sfus, options.sfu);
    cleanUp(close);
    gateway = await startGateway({ sfus: fleet.entries, ...options.gateway });
  });
  const close = async (): Promise<void> => {
    const [openGateway, openFleet] = [gateway, fleet];
    gateway = fleet = null;
    try {
      await openGateway?.close();
    } finally {
      await openFleet?.close();
    }
  };
  return {
    get fleet() {
      return open(fleet);
    },
    get gateway() {
      return open(gateway);
    },
  };
}

function open<T>(part: T | null): T {
  if (part === null) throw new Error("the office is open only inside a spec");
  return part;
}
