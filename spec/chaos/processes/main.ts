import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { blockOf, withBlock } from "./document.ts";
import { judge } from "./oracle/judgement.ts";
import { cellsOf, COLUMNS, historyOf, type Row, rowOf } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { play, type RunOptions } from "./stage.ts";

/*
 * Chaos over real sockets: a gateway and simulated SFUs as processes, faults by schedule, constant load, and an oracle that
 * checks each answer. Exits with 1 where something was not as promised. docs/reliability.md says what that is.
 *
 *   npm run chaos -- --seed 7 --minutes 10             all scenarios, a share of the time each
 *   npm run chaos -- --minutes 1 --scenario "one flaps"
 *   npm run chaos -- --minutes 10 --write              and writes the table into docs/reliability.md
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "5" },
    scenario: { type: "string" },
    rate: { type: "string", default: "100" },
    "at-a-time": { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});

/** Less is over before anything has come back. */
const SHORTEST_S = 8;

/** A scenario that goes wrong does so many times over. */
const SHOWN = 10;

const DOCUMENT = new URL("../../../docs/reliability.md", import.meta.url).pathname;

const scenarios = SCENARIOS.filter(({ name }) => values.scenario === undefined || name === values.scenario);
if (scenarios.length === 0)
  throw new Error(`no such scenario; there are: ${SCENARIOS.map(({ name }) => name).join(", ")}`);
const atATime = Number(values["at-a-time"]);
const seconds = Math.max(SHORTEST_S, (Number(values.minutes) * 60 * atATime) / scenarios.length);
const options: RunOptions = { seed: Number(values.seed), seconds, rate: Number(values.rate) };
if (!Object.values(options).every((value) => value > 0)) throw new Error("expected numbers above 0");

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const WIDTHS = COLUMNS.map((column, index) => (index === 0 ? 40 : Math.max(6, column.length)));
const sayCells = (cells: readonly string[]): void =>
  say(cells.map((cell, index) => (index === 0 ? cell.padEnd(40) : cell.padStart(WIDTHS[index] ?? 0))).join("  "));

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
}
const limit = pLimit(atATime);
sayCells(COLUMNS);
const rows = await Promise.all(
  scenarios.map((scenario) =>
    limit(async (): Promise<Row> => {
      interrupted.signal.throwIfAborted();
      const seen = await play(scenario, options, interrupted.signal);
      const judgement = judge(seen);
      const row = rowOf(seen, judgement);
      sayCells(cellsOf(row));
      for (const violation of judgement.violations.slice(0, SHOWN)) say(`  WRONG ${violation}`);
      if (judgement.violations.length > 0) for (const line of historyOf(seen)) say(`  ${line}`);
      if (judgement.violations.length > SHOWN) say(`  … and ${String(judgement.violations.length - SHOWN)} more`);
      return row;
    }),
  ),
);
if (values.write) {
  const text = readFileSync(DOCUMENT, "utf8");
  writeFileSync(DOCUMENT, await withBlock(text, blockOf(rows, options, atATime), DOCUMENT));
}
process.exitCode = rows.some(({ wrong }) => wrong > 0) ? 1 : 0;
