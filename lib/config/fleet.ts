import type { Fault } from "./fault.ts";
import type { Merged } from "./merge.ts";
import { type Settings, sfuIdentity } from "./schema.ts";

/** The `[[sfu]]` entries as they were written, whatever they are. */
export function entriesOf(values: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(values.sfu) ? values.sfu : [];
}

/** A gateway without a single SFU could only answer 503. */
export function checkFleet(settings: Settings, faults: Fault[]): void {
  // Where something else is wrong, the SFUs are probably in the part that could not be read.
  if (settings.sfu.length === 0 && faults.length === 0) {
    faults.push({
      where: "configuration",
      what: "[[sfu]]",
      problem: "no SFU is configured, expected at least one in the file of --secrets or in SFU_GATEWAY_NODES",
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
      what: `[[sfu]] #${String(index + 1)} address`,
      problem: `the same SFU as #${String(first + 1)}, expected each once`,
    });
  });
}
