import { format, resolveConfig } from "prettier";
import { faultsSection } from "../faults-section.ts";
import { growthSection } from "../growth-section.ts";
import { INTRODUCTION, LIMITS, PEERS, REPEAT } from "./prose.ts";
import type { Report } from "./report.ts";
import { steadySection } from "./steady-section.ts";
import { verdictsOf } from "./verdicts.ts";

/** docs/performance.md: all of it is made here, so that no figure is older than its text. */
export async function documentOf(report: Report, path: string): Promise<string> {
  const text = [
    INTRODUCTION,
    verdictSection(report),
    whereSection(report),
    PEERS,
    ...sectionsOf(report),
    REPEAT,
    LIMITS,
  ];
  return format(text.join("\n\n"), { ...(await resolveConfig(path)), filepath: path });
}

/** The figures alone, for a terminal. */
export function figuresOf(report: Report): string {
  return [...sectionsOf(report), verdictSection(report)].filter((section) => section !== "").join("\n\n");
}

function sectionsOf({ steady, faults, growth }: Report): readonly string[] {
  return [
    ...(steady === null ? [] : [steadySection(steady)]),
    ...(faults === null ? [] : [faultsSection(faults)]),
    ...(growth === null ? [] : [growthSection(growth)]),
  ];
}

function verdictSection(report: Report): string {
  const verdicts = verdictsOf(report);
  if (verdicts.length === 0) return "";
  const lines = verdicts.flatMap(({ what, holds, exceptions }) => [
    `- ${holds ? "holds" : "**does not hold**"}: ${what}`,
    ...exceptions.map((exception) => `  - ${exception}`),
  ]);
  return `## What must hold\n\n${lines.join("\n")}`;
}

function whereSection({ date, machine, versions, tookS }: Report): string {
  const { processor, processors, memoryMb, system, node, load } = machine;
  const missing = versions.filter(({ version }) => version === null).map(({ peer }) => peer);
  const there = versions.filter(({ version }) => version !== null && version !== "");
  const rows = there.map(({ peer, version }) => `- ${peer} ${String(version)}`);
  return `## Where, when, what

${date.slice(0, 10)}, one run of ${(tookS / 60).toFixed(0)} minutes: ${processor}, ${String(processors)} processors, ${(memoryMb / 1024).toFixed(0)} GB, ${system}, Node.js ${node}; the load of the
machine in the minute before was ${load.toFixed(2)}.

${rows.join("\n")}${missing.length === 0 ? "" : `\n\nNot installed, and left out: ${missing.join(", ")}.`}`;
}
