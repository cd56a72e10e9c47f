import { statSync } from "node:fs";
import { createGeo } from "../balancing/geo.ts";
import type { EnvironmentSettings } from "./env.ts";
import type { Fault } from "./fault.ts";
import type { Merged } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { describePath } from "./path.ts";
import type { Settings } from "./schema.ts";
import type { Path } from "./toml.ts";

/** Odoo's `requests.get(timeout=3)` (contract.md). */
const ODOO_PATIENCE_MS = 3000;

/** The file with the keys is nobody else's business. */
export function warnOfReaders(file: string, warnings: Fault[]): void {
  const mode = modeOf(file);
  if ((mode & 0o007) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  warnings.push({
    where: file,
    what: "",
    problem: `everybody on this machine can get at the keys (mode ${octal}), expected 0600 or 0640: chmod o= ${file}`,
  });
}

/** @returns 0 where there is no file that could be asked, which reading it has already told */
function modeOf(file: string): number {
  try {
    const stats = statSync(file);
    return stats.isFile() ? stats.mode : 0;
  } catch {
    return 0;
  }
}

const NO_EFFECT = "has no effect in this version yet";

/** What the interface has settled and this version does not act on yet: better said than silently ignored. */
const WITHOUT_EFFECT: readonly Path[] = [
  ["balancing", "max_sessions"],
  ["balancing", "weights"],
  ["health", "stats_interval_ms"],
  ["health", "unhealthy_after"],
  ["health", "healthy_after"],
  ["overload"],
  ["registration"],
  ["registry"],
  ["store"],
  ["rate_limit"],
];

/** What works, and not as somebody may think. */
export function warnOfSettings(
  settings: Settings,
  environment: EnvironmentSettings,
  merged: Merged,
  warnings: Fault[],
): void {
  const warn = (path: Path, problem: string): number =>
    warnings.push({ where: merged.locate(path), what: describePath(path), problem });
  const isSet = (path: Path): boolean =>
    path.reduce<unknown>((tree, part) => (tree as Record<PropertyKey, unknown> | undefined)?.[part], merged.values) !==
    undefined;

  const { retry_timeout_ms: budgetMs, attempt_timeout_ms: attemptMs } = settings.failover;
  if (budgetMs > ODOO_PATIENCE_MS) {
    warn(["failover", "retry_timeout_ms"], "Odoo gives up at 3000 ms, answers will come too late");
  }
  if (attemptMs > budgetMs) {
    warn(["failover", "attempt_timeout_ms"], "longer than retry_timeout_ms, which cuts it");
  }

  const geo = createGeo(Object.fromEntries(settings.regions));
  settings.sfu.forEach(({ region }, index) => {
    if (region === undefined || geo.region(region) !== null) return;
    const meant = nearest(region, geo.regionNames());
    const hint = meant === null ? "" : `, did you mean ${meant}?`;
    warn(["sfu", index, "region"], `nobody knows where this is, so it is last for calls from elsewhere${hint}`);
  });

  if (settings.balancing.strategy === "load") {
    warn(["balancing", "strategy"], '"load" is not in this version yet, round-robin is used');
  }
  const ofSfus = settings.sfu.flatMap((_, index) => ["max_sessions", "stats_token"].map((key) => ["sfu", index, key]));
  for (const path of [...WITHOUT_EFFECT, ...ofSfus]) if (isSet(path)) warn(path, NO_EFFECT);
  for (const [name, value] of [
    ["SFU_GATEWAY_REGISTRATION_KEY", environment.registrationKey],
    ["SFU_GATEWAY_ADMIN_TOKEN", environment.adminToken],
  ] as const) {
    if (value !== null) warnings.push({ where: name, what: "", problem: NO_EFFECT });
  }
}
