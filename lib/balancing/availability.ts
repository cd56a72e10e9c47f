import type { Registry } from "../sfu/registry.ts";
import { type Admission, availability, type Availability, type Sfu } from "../sfu/sfu.ts";
import type { Loads } from "./load.ts";

/** Everybody who has a say in whether an SFU may be asked. */
export interface AvailabilityTools {
  readonly registry: Pick<Registry, "condition">;
  readonly loads: Pick<Loads, "overload">;
  /** What its breaker lets through. */
  readonly admits: (sfu: Sfu) => Admission;
}

/** Whether an SFU may be asked at this moment, and why not. */
export function createAvailability({ registry, loads, admits }: AvailabilityTools): (sfu: Sfu) => Availability {
  return (sfu) => {
    const { health, report, isDraining } = registry.condition(sfu);
    return availability({ health, admits: admits(sfu), isDraining, overload: loads.overload(sfu, report) });
  };
}
