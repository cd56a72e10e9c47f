import { overlaps } from "../fitness.ts";
import type { LogLine } from "../log-line.ts";
import type { Seen } from "../stage.ts";
import type { Verdict } from "./answers.ts";
import { RECOVERY_MS } from "./limits.ts";

/** What the gateway has complained of without a reason that the schedule knows. */
export function unexplainedLines(seen: Seen, verdicts: ReadonlyMap<string, Verdict>): readonly string[] {
  let badReloads = 0;
  const isExplained = ({ fields, atMs }: LogLine): boolean => {
    const { msg, sfu, outcome, requestId } = fields;
    if (String(msg).startsWith("not reloaded")) return ++badReloads <= seen.badReloads && "faults" in fields;
    if (outcome !== undefined && typeof requestId === "string") {
      const verdict = verdicts.get(requestId);
      return verdict !== undefined && verdict.outcome !== "wrong" && verdict.outcome !== "served";
    }
    const fitness = seen.sfus.find(({ address }) => address === sfu)?.fitness;
    if (fitness === undefined) return false;
    return overlaps([...fitness.outages, ...seen.stalls], atMs - RECOVERY_MS, atMs);
  };
  return seen.gateway.complaints
    .filter((line) => !isExplained(line))
    .map(({ fields }) => `the log: ${JSON.stringify(fields).slice(0, 500)}`);
}
