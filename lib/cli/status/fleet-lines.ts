import type { Screen } from "../terminal.ts";
import type { FleetState, SfuState } from "../gateway-answers.ts";
import { howMany } from "./fit.ts";
import { type Paint, painter } from "./paint.ts";
import { tableOf } from "./table.ts";
import { company, counts, drainProgress, severity, standing } from "./words.ts";

export interface FleetLinesOptions {
  /** Wall clock, milliseconds. */
  readonly nowMs: number;
  readonly color: boolean;
  /** What there is room for; null where that is everything. */
  readonly screen: Screen | null;
}

/**
 * The fleet for people: how many SFUs are available, a line for each, those that are not well first, and what is wrong
 * with these. Of a fleet that is larger than the screen as many as fit: whoever looks at it must not have to scroll up.
 */
export function fleetLines(fleet: FleetState, { nowMs, color, screen }: FleetLinesOptions): string[] {
  const paint = painter(color);
  const others = fleet.store === null ? [] : [paint(fleet.store.away ? "yellow" : "dim", company(fleet.store))];
  if (fleet.total === 0) return [paint("red", "no SFU is in the fleet"), ...others];
  const sfus = fleet.sfus.toSorted((a, b) => severity(a) - severity(b) || byPlace(a, b));
  const top = [headlineOf(fleet, paint), ...others, ""];
  const { head, entries } = tableOf(sfus, nowMs, screen?.columns ?? null, paint);
  const notes = sfus.map(noteOn);
  const shown = screen === null ? sfus.length : howMany({ top: [...top, head], entries, notes }, screen);
  return [
    ...top,
    head,
    ...entries.slice(0, shown).flat(),
    ...(shown < sfus.length ? [moreOf(sfus.slice(shown))] : []),
    ...below(notes.slice(0, shown).filter((note) => note !== null)),
  ];
}

function headlineOf({ available, total, sfus }: FleetState, paint: Paint): string {
  const color = available === 0 ? "red" : available < total ? "yellow" : "green";
  const headline = `${String(available)} of ${String(total)} ${total === 1 ? "SFU" : "SFUs"} available`;
  const others = sfus.filter((sfu) => !sfu.available);
  return paint(["bold", color], others.length === 0 ? headline : `${headline}: ${counts(others)}`);
}

function moreOf(rest: readonly SfuState[]): string {
  const [first, ...others] = new Set(rest.map(standing));
  const what = others.length === 0 ? `, all ${first ?? ""}` : `: ${counts(rest)}`;
  return `… and ${String(rest.length)} more${what}; in a pipe (| less) all are shown`;
}

function below(notes: readonly string[]): string[] {
  return notes.length === 0 ? [] : ["", ...notes];
}

function byPlace(a: SfuState, b: SfuState): number {
  // Those without a region come last.
  if ((a.region === null) !== (b.region === null)) return a.region === null ? 1 : -1;
  return compare(a.region ?? "", b.region ?? "") || compare(a.address, b.address);
}

/** sfu2 before sfu10. */
const { compare } = new Intl.Collator("en", { numeric: true });

/** A reason goes on after «it», and so after the address. Null of an SFU that is well. */
function noteOn(sfu: SfuState): string | null {
  const { address, out, state, reason, draining } = sfu;
  const drain = draining ? drainProgress(sfu) : null;
  // The drain's own reason says less.
  if (drain !== null && out === "draining" && state !== "failing") return `${address} is ${drain}`;
  if (reason === null) return null;
  return `${address} ${reason}${drain === null ? "" : `; ${drain}`}`;
}
