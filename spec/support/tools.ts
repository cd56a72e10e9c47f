import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs that some suites try the gateway with, and the Debian package that each is in. */
const PACKAGES = {
  nginx: "nginx-light",
  prometheus: "prometheus",
  promtool: "prometheus",
  chromium: "chromium",
  "systemd-analyze": "systemd",
  "systemd-notify": "systemd",
  socat: "socat",
} as const;

export type Tool = keyof typeof PACKAGES;

/** Set where every suite has to run, as in `.ci/run`: what is missing is a failure there. */
const ARE_REQUIRED = process.env.SPEC_TOOLS === "required";

const skipped = new Map<string, readonly Tool[]>();

/**
 * Skips the suite that calls this where one of its programs is not installed; what was skipped, and why, is said at the
 * end of the run.
 */
export function needsTools(...tools: readonly Tool[]): void {
  before(function () {
    const missing = tools.filter((tool) => pathOf(tool) === null);
    if (missing.length === 0) return;
    if (ARE_REQUIRED) throw new Error(`not installed: ${missing.join(", ")}`);
    skipped.set(this.test?.parent?.fullTitle() ?? "a suite", missing);
    this.skip();
  });
}

/** @returns where a program is, also where a user's PATH does not look for it; null where it is not installed */
export function pathOf(tool: Tool): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, tool)).find(isExecutable) ?? null;
}

/** What the run has left out, in words; empty where it was everything. */
export function skippedSuites(): string {
  if (skipped.size === 0) return "";
  const lines = Array.from(skipped, ([suite, tools]) => `  ${suite}: ${tools.join(", ")} not installed`);
  const packages = [...new Set([...skipped.values()].flat().map((tool) => PACKAGES[tool]))].sort();
  return `\nSuites left out:\n${lines.join("\n")}\nWith Debian's packages they run: apt-get install ${packages.join(" ")}\n`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
