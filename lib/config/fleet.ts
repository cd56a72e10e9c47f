import type { EnvironmentSettings } from "./env.ts";
import type { Fault } from "./fault.ts";
import type { Merged } from "./merge.ts";
import { describePath } from "./path.ts";
import { type Settings, sfuIdentity } from "./schema.ts";

/** The `[[sfu]]` entries as they were written, whatever they are. */
export function entriesOf(values: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(values.sfu) ? values.sfu : [];
}

/**
 * A gateway without a single SFU can only answer 503. Where the fleet was forgotten that is a fault, where it was said to
 * be empty a warning.
 */
export function checkFleet(
  settings: Settings,
  { nodes, registrationKey }: EnvironmentSettings,
  faults: Fault[],
  warnings: Fault[],
): void {
  if (settings.sfu.length > 0) return;
  // They will come by themselves, or with the external list.
  if (registrationKey !== null || settings.registry.url !== undefined) return;
  if (nodes !== null) {
    warnings.push({ where: "SFU_GATEWAY_NODES", what: "", problem: "no SFU is in it, every call will get a 503" });
  } else if (faults.length === 0) {
    // Where something else is wrong, the SFUs are probably in the part that could not be read.
    faults.push({
      where: "configuration",
      what: "[[sfu]]",
      problem:
        "no SFU is configured, expected at least one in the file of --secrets or in SFU_GATEWAY_NODES, or [registry] url or SFU_GATEWAY_REGISTRATION_KEY",
    });
  }
}

/** Also where other things are wrong with the entries: as many faults as possible in one go. */
export function checkDuplicates(merged: Merged, faults: Fault[]): void {
  const seen = new Map<string, number>();
  entriesOf(merged.values).forEach((entry, index) => {
    const { success, data } = sfuIdentity.safeParse(entry);
    if (!success) return;
    const first = seen.get(data.address);
    if (first === undefined) {
      seen.set(data.address, index);
      return;
    }
    const path = ["sfu", index, "address"];
    faults.push({
      where: merged.locate(path),
      what: describePath(path),
      problem: `the same SFU as #${String(first + 1)}, expected each once`,
    });
  });
}
