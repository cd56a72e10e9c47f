import { styleText } from "node:util";
import type { FleetState, SfuState } from "../gateway-answers.ts";
import { drainProgress, duration, standing } from "./words.ts";

type Color = Parameters<typeof styleText>[0];

export interface TableOptions {
  /** Wall clock, milliseconds. */
  readonly nowMs: number;
  readonly color: boolean;
}

/** A line that is longer breaks in most terminals. */
const LINE_WIDTH = 100;

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

/** The fleet for people: how many SFUs are available, a line for each, and what is wrong with those that are not well. */
export function fleetLines({ available, total, sfus }: FleetState, options: TableOptions): string[] {
  const paint = painter(options.color);
  if (total === 0) return [paint("red", "no SFU is in the fleet")];
  const headline = `${String(available)} of ${String(total)} ${total === 1 ? "SFU" : "SFUs"} available`;
  const color = available === 0 ? "red" : available < total ? "yellow" : "green";
  const sorted = sfus.toSorted(byPlace);
  const notes = sorted.map(noteOn).filter((note) => note !== null);
  return [
    paint(["bold", color], headline),
    "",
    ...tableOf(sorted, options.nowMs, paint),
    ...(notes.length === 0 ? [] : ["", ...notes]),
  ];
}

function byPlace(a: SfuState, b: SfuState): number {
  // Those without a region come last.
  if ((a.region === null) !== (b.region === null)) return a.region === null ? 1 : -1;
  return compare(a.region ?? "", b.region ?? "") || compare(a.address, b.address);
}

/** sfu2 before sfu10. */
const { compare } = new Intl.Collator("en", { numeric: true });

/**
 * Narrows itself where lines would break: first without the bars, then with an address that is too long on a line of its
 * own. Never cuts an address: whoever reads one here wants to type it in.
 */
function tableOf(sfus: readonly SfuState[], nowMs: number, paint: Paint): string[] {
  const rows = sfus.map((sfu) => rowOf(sfu, nowMs));
  const longest = widthOf(rows, "address", "ADDRESS");
  const layout = layoutOf(rows, COLUMNS);
  const withoutBars = layoutOf(
    rows,
    COLUMNS.filter(({ name }) => name !== "bar"),
  );
  const fits = longest + layout.width <= LINE_WIDTH;
  const { columns, width } = fits ? layout : withoutBars;

  const room = Math.max(LINE_WIDTH - width, "ADDRESS".length);
  const addresses = rows.map(({ address }) => address.length).filter((length) => length <= room);
  const addressWidth = addresses.reduce((a, b) => Math.max(a, b), "ADDRESS".length);
  const line = (address: string, cell: (column: PlacedColumn) => string): string =>
    (address.padEnd(addressWidth) + columns.map((column) => cell(column)).join("")).trimEnd();

  return [
    paint(
      "dim",
      line("ADDRESS", (column) => placed(column.title, column)),
    ),
    ...rows.flatMap((row) => {
      const cell = (column: PlacedColumn): string => {
        const text = placed(row[column.name], column);
        return column.name === "state" ? paint(colorOf(row.state), text) : text;
      };
      return row.address.length <= addressWidth ? [line(row.address, cell)] : [row.address, line("", cell)];
    }),
  ];
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

/** A reason goes on after «it», and so after the address. Null of an SFU that is well. */
function noteOn(sfu: SfuState): string | null {
  const { address, out, state, reason, draining } = sfu;
  const drain = draining ? drainProgress(sfu) : null;
  // The drain's own reason says less.
  if (drain !== null && out === "draining" && state !== "failing") return `${address} is ${drain}`;
  if (reason === null) return null;
  return `${address} ${reason}${drain === null ? "" : `; ${drain}`}`;
}

type Paint = (style: Color, text: string) => string;

function painter(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
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
