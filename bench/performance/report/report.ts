import type { FaultResult } from "../faults.ts";
import type { GrowthResult } from "../growth.ts";
import type { SteadyResult } from "../steady.ts";
import type { Machine } from "./machine.ts";

/** All of one run; plain JSON. */
export interface Report {
  /** ISO 8601. */
  readonly date: string;
  /** Whether it was only to see that everything works: nothing is judged by such figures. */
  readonly isBrief: boolean;
  readonly machine: Machine;
  readonly versions: readonly Version[];
  readonly tookS: number;
  /** Null for what was not measured. */
  readonly steady: SteadyResult | null;
  readonly faults: FaultResult | null;
  readonly growth: GrowthResult | null;
}

export interface Version {
  readonly peer: string;
  /** Null where the machine has none of it. */
  readonly version: string | null;
}
