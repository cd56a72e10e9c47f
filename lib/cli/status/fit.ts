import { stripVTControlCharacters } from "node:util";
import type { Screen } from "../terminal.ts";

/** Lines that may be colourful. */
export interface Parts {
  readonly top: readonly string[];
  readonly entries: readonly (readonly string[])[];
  /** What is to be said of each entry; null where that is nothing. */
  readonly notes: readonly (string | null)[];
}

/** The line that tells of the others breaks on a narrow screen. */
const LINE_OF_MORE = 2;

/** The blank one above the notes. */
const GAP = 1;

/**
 * How many entries, from the first on, fit on a screen with their notes, a line that tells of the others, and one for
 * the cursor. At least one.
 */
export function howMany({ top, entries, notes }: Parts, { rows, columns }: Screen): number {
  const height = (line: string): number => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
  const heightOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + height(line), 0);
  const room = rows - 1 - heightOf(top);
  const used = (shown: number): number => {
    const said = notes.slice(0, shown).filter((note) => note !== null);
    return heightOf(entries.slice(0, shown).flat()) + heightOf(said) + (said.length === 0 ? 0 : GAP);
  };
  if (used(entries.length) <= room) return entries.length;
  const fits = (shown: number): boolean => used(shown) + LINE_OF_MORE <= room;
  let shown = 1;
  while (fits(shown + 1)) shown++;
  return shown;
}
