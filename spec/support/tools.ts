import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs that some suites try the gateway with, and the Debian package that each is in. */
const PACKAGES = {
  nginx: "nginx-light",
  haproxy: "haproxy",
  prometheus: "prometheus",
  promtool: "prometheus",
  chromium: "chromium",
  "systemd-analyze": "systemd",
  "systemd-notify": "systemd",
  perl: "perl-base",
  unshare: "util-linux",
  ip: "iproute2",
  "redis-server": "redis-server",
  "redis-sentinel": "redis-sentinel",
  "redis-cli": "redis-tools",
} as const;

export type Tool = keyof typeof PACKAGES;

/** Set where every suite has to run, as in `.ci/run`: what is missing is a failure there. */
const ARE_REQUIRED = process.env.SPEC_TOOLS === "required";

const missingTools = new Set<Tool>();
/** By suite: why it was left out. */
const leftOut = new Map<string, string>();

/**
 * Skips the suite that calls this where one of its programs is not installed; what was skipped, and why, is said at the
 * end of the run.
 */
export function needsTools(...tools: readonly Tool[]): void {
  before(function () {
    const missing = tools.filter((tool) => pathOf(tool) === null);
    if (missing.length === 0) return;
    if (ARE_REQUIRED) throw new Error(`not installed: ${missing.join(", ")}`);
    for (const tool of missing) missingTools.add(tool);
    leaveOut(this, `${missing.join(", ")} not installed`);
  });
}

/** Skips the suite whose `before` hook this is, and says why at the end of the run. */
export function leaveOut(hook: Mocha.Context, why: string): never {
  leftOut.set(hook.test?.parent?.fullTitle() ?? "a suite", why);
  return hook.skip();
}

/** @returns where a program is, also where a user's PATH does not look for it; null where it is not installed */
export function pathOf(tool: Tool): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, tool)).find(isExecutable) ?? null;
}

/** What the run has left out, in words; empty where it was everything. */
export function skippedSuites(): string {
  if (leftOut.size === 0) return "";
  const lines = Array.from(leftOut, ([suite, why]) => `  ${suite}: ${why}`);
  const packages = [...new Set([...missingTools].map((tool) => PACKAGES[tool]))].sort();
  const hint = packages.length === 0 ? "" : `Debian has what is missing: apt-get install ${packages.join(" ")}\n`;
  return `\nSuites left out:\n${lines.join("\n")}\n${hint}`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
