import type { SfuState } from "../gateway-answers.ts";
import type { Color, Paint } from "./paint.ts";
import { duration, standing } from "./words.ts";

/** A table as lines: those of its head, and those of each SFU, in the order in which they came. */
export interface Table {
  readonly head: string;
  readonly entries: readonly (readonly string[])[];
}

const BAR_CELLS = 4;

const NOTHING = "–";

/** One SFU, as the cells of its line. */
type Row = Readonly<Record<Column, string>>;
type Column = "address" | "region" | "state" | "sessions" | "bar" | "cpu" | "memory" | "score" | "report" | "since";

/** The columns after the address. */
const COLUMNS: readonly { readonly name: Column; readonly title: string; readonly isText?: boolean }[] = [
  { name: "region", title: "REGION", isText: true },
  { name: "state", title: "STATE", isText: true },
  { name: "sessions", title: "SESSIONS" },
  { name: "bar", title: "", isText: true },
  { name: "cpu", title: "CPU" },
  { name: "memory", title: "MEM" },
  { name: "score", title: "SCORE" },
  { name: "report", title: "REPORT" },
  { name: "since", title: "SINCE" },
];

/**
 * Narrows itself where lines would break: first without the bars, then with an address that is too long on a line of its
 * own. Never cuts an address: whoever reads one here wants to type it in.
 *
 * @param width of the terminal; null where nothing breaks lines, so that one SFU is one line for `grep`
 */
export function tableOf(sfus: readonly SfuState[], nowMs: number, width: number | null, paint: Paint): Table {
  const rows = sfus.map((sfu) => rowOf(sfu, nowMs));
  const available = width ?? Infinity;
  const longest = widthOf(rows, "address", "ADDRESS");
  const layout = layoutOf(rows, COLUMNS);
  const withoutBars = layoutOf(
    rows,
    COLUMNS.filter(({ name }) => name !== "bar"),
  );
  const fits = longest + layout.width <= available;
  const { columns, width: rest } = fits ? layout : withoutBars;

  const room = Math.max(available - rest, "ADDRESS".length);
  const addresses = rows.map(({ address }) => address.length).filter((length) => length <= room);
  const addressWidth = addresses.reduce((a, b) => Math.max(a, b), "ADDRESS".length);
  const line = (address: string, cell: (column: PlacedColumn) => string): string =>
    (address.padEnd(addressWidth) + columns.map((column) => cell(column)).join("")).trimEnd();

  return {
    head: paint(
      "dim",
      line("ADDRESS", (column) => placed(column.title, column)),
    ),
    entries: rows.map((row) => {
      const cell = (column: PlacedColumn): string => {
        const text = placed(row[column.name], column);
        return column.name === "state" ? paint(colorOf(row.state), text) : text;
      };
      return row.address.length <= addressWidth ? [line(row.address, cell)] : [row.address, line("", cell)];
    }),
  };
}

interface PlacedColumn {
  readonly name: Column;
  readonly title: string;
  readonly isText?: boolean;
  readonly width: number;
}

/** Every column as wide as its widest cell. `width` includes the gaps. */
function layoutOf(
  rows: readonly Row[],
  columns: typeof COLUMNS,
): { readonly columns: readonly PlacedColumn[]; readonly width: number } {
  const sized = columns.map((column) => ({ ...column, width: widthOf(rows, column.name, column.title) }));
  return { columns: sized, width: sized.reduce((sum, column) => sum + gapOf(column).length + column.width, 0) };
}

function widthOf(rows: readonly Row[], name: Column, title: string): number {
  return rows.reduce((width, row) => Math.max(width, row[name].length), title.length);
}

/** Numbers stand on the right of their columns, which is gap enough for most. */
function gapOf({ name }: { readonly name: Column }): string {
  return name === "region" || name === "state" || name === "sessions" ? "  " : " ";
}

function placed(text: string, column: PlacedColumn): string {
  const { isText = false, width } = column;
  return gapOf(column) + (isText ? text.padEnd(width) : text.padStart(width));
}

function rowOf(sfu: SfuState, nowMs: number): Row {
  const { load, score, reportAgeMs } = sfu;
  return {
    address: sfu.address,
    region: sfu.region ?? NOTHING,
    state: standing(sfu),
    sessions: load === null ? NOTHING : `${String(load.sessions)}/${String(load.maxSessions)}`,
    bar: load === null ? "" : bar(load.sessions / load.maxSessions),
    cpu: percent(load?.cpu ?? null),
    memory: percent(load?.memory ?? null),
    score: score === null ? NOTHING : score.toFixed(2),
    report: reportAgeMs === null ? NOTHING : duration(reportAgeMs),
    since: duration(nowMs - Date.parse(sfu.since)),
  };
}

/** Empty and full only where it is just that. */
function bar(ratio: number): string {
  const isInside = ratio > 0 && ratio < 1;
  const [least, most] = isInside ? [1, BAR_CELLS - 1] : [0, BAR_CELLS];
  const cells = Math.min(most, Math.max(least, Math.round(ratio * BAR_CELLS)));
  return "█".repeat(cells) + "░".repeat(BAR_CELLS - cells);
}

function percent(share: number | null): string {
  return share === null ? NOTHING : `${(share * 100).toFixed(0)}%`;
}

const COLORS: Readonly<Record<string, Color>> = {
  available: "green",
  unknown: "dim",
  failing: "yellow",
  draining: "yellow",
  overloaded: "yellow",
  "on trial": "yellow",
};

function colorOf(state: string): Color {
  return Object.hasOwn(COLORS, state) ? (COLORS[state] ?? "red") : "red";
}
