import { availableParallelism } from "node:os";
import { format, resolveConfig } from "prettier";
import type { Row } from "./report.ts";
import { cellsOf, COLUMNS } from "./report.ts";
import type { RunOptions } from "./stage.ts";

export const BEGIN = "<!-- chaos: written by npm run chaos -- --write -->";
export const END = "<!-- chaos: end -->";

/** What stands between the two marks: how it was run, and the table. */
export function blockOf(rows: readonly Row[], { seed, seconds, rate }: RunOptions, atATime: number): string {
  const cores = `${String(availableParallelism())} cores`;
  const how = `--seed ${String(seed)}, ${seconds.toFixed(0)} s a scenario, ${String(rate)} calls/s`;
  const where = `Node ${process.versions.node}, ${cores} for all processes, ${String(atATime)} scenario(s) at a time`;
  const total = rows.reduce((sum, { calls }) => sum + calls, 0);
  const wrong = rows.reduce((sum, row) => sum + row.wrong, 0);
  return [
    BEGIN,
    "",
    `${how}; ${where}. ${String(total)} calls, ${String(wrong)} violations.`,
    "",
    line(COLUMNS),
    line(COLUMNS.map((_, index) => (index === 0 ? "---" : "--:"))),
    ...rows.map((row) => line(cellsOf(row))),
    "",
    END,
  ].join("\n");
}

/**
 * The document with another block in the place of the one that it has.
 *
 * @throws where it has no marks
 */
export async function withBlock(text: string, block: string, path: string): Promise<string> {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} has no '${BEGIN}' … '${END}'`);
  const next = text.slice(0, begin) + block + text.slice(end + END.length);
  return format(next, { ...(await resolveConfig(path)), filepath: path });
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
