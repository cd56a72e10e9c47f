import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { systemClock } from "../lib/clock.ts";
import { measureFaults } from "./performance/faults.ts";
import { measureGrowth } from "./performance/growth.ts";
import { allPeers } from "./performance/peers/all.ts";
import { documentOf, figuresOf } from "./performance/report/document.ts";
import { describeMachine } from "./performance/report/machine.ts";
import { type Options, optionsIn, type Part, USAGE } from "./performance/report/options.ts";
import type { Report } from "./performance/report/report.ts";
import { verdictsOf } from "./performance/report/verdicts.ts";
import { measureSteady } from "./performance/steady.ts";
import { wrkVersion } from "./performance/wrk.ts";

/*
 * What does a call cost, how soon is a failure survived, and how does the cost grow with the fleet? Side by side with nginx,
 * HAProxy and a bare proxy on Node.js, in one run. docs/performance.md says what is measured, and how; it is written by this.
 * Exits with 1 where something that must hold does not, or where calls fail that should not.
 *
 *   npm run bench                    all of it (under 15 minutes)
 *   npm run bench -- --brief         does everything work? (a minute; judges nothing)
 *   npm run bench -- --write         and writes docs/performance.md, and its figures
 */
const DOCUMENT = new URL("../docs/performance.md", import.meta.url).pathname;
const FIGURES = new URL("performance/latest.json", import.meta.url).pathname;

/** What takes longer has gone wrong. */
const LIMIT_MS = { full: 20 * 60_000, brief: 3 * 60_000 } as const;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measure({ brief, parts }: Options): Promise<Report> {
  const startedMs = systemClock.monotonic();
  const machine = describeMachine();
  const versions = allPeers.map((peer) => ({ peer: peer.name, version: peer.version() }));
  for (const { peer, version } of versions) if (version === null) say(`left out: ${peer} is not installed`);
  const peers = allPeers.filter((peer) => peer.version() !== null);
  const isWanted = (part: Part): boolean => parts.includes(part);
  const hasWrk = wrkVersion() !== null;
  if (isWanted("steady") && !hasWrk) say("left out: the steady load, for wrk is not installed");
  const options = { peers, brief, say };
  const steady = isWanted("steady") && hasWrk ? await measureSteady(options) : null;
  const faults = isWanted("faults") ? await measureFaults(options) : null;
  const growth = isWanted("growth") ? await measureGrowth(options) : null;
  const tookS = (systemClock.monotonic() - startedMs) / 1000;
  const date = new Date(systemClock.now()).toISOString();
  return { date, isBrief: brief, machine, versions, tookS, steady, faults, growth };
}

async function writeFigures(path: string, report: Report): Promise<void> {
  const options = { ...(await resolveConfig(path)), filepath: path, parser: "json" };
  writeFileSync(path, await format(JSON.stringify(report), options));
}

async function main(options: Options): Promise<void> {
  const report =
    options.from === null ? await measure(options) : (JSON.parse(readFileSync(options.from, "utf8")) as Report);
  process.stdout.write(`${figuresOf(report)}\n`);
  if (options.json !== null) await writeFigures(options.json, report);
  if (options.writes) {
    await writeFigures(FIGURES, report);
    writeFileSync(DOCUMENT, await documentOf(report, DOCUMENT));
  }
  const failing = verdictsOf(report).filter(({ holds }) => !holds);
  const troubles = report.steady?.troubles ?? [];
  for (const trouble of troubles) say(`TROUBLE ${trouble}`);
  for (const { what } of failing) say(`DOES NOT HOLD ${what}`);
  process.exitCode = failing.length + troubles.length === 0 ? 0 : 1;
}

function parsed(): Options | null {
  try {
    return optionsIn(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return null;
  }
}

const options = parsed();
if (options === null) process.exitCode = 2;
else if (process.platform !== "linux" && options.from === null) {
  say("processor time and memory of processes are read from /proc: this takes Linux");
  process.exitCode = 2;
} else {
  // Whoever is asked to end removes its folders, and its keeper ends its children.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const stopWatching = systemClock.after(LIMIT_MS[options.brief ? "brief" : "full"], () => {
    say("TROUBLE it has not come to an end");
    process.exit(1);
  });
  try {
    await main(options);
  } finally {
    stopWatching();
  }
}
