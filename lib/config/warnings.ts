import { statSync } from "node:fs";
import { createGeo } from "../balancing/geo.ts";
import type { EnvironmentSettings } from "./env.ts";
import type { Fault } from "./fault.ts";
import type { Merged } from "./merge.ts";
import { didYouMean } from "./nearest.ts";
import { describePath } from "./path.ts";
import type { Settings } from "./schema.ts";
import { hostsOf, readStoreUrl } from "./store-url.ts";
import type { Path } from "./toml.ts";

/** Odoo's `requests.get(timeout=3)` (contract.md). */
const ODOO_PATIENCE_MS = 3000;

/** By http, and from another machine. */
export function isReadableByOthers(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\..*|\[?::1\]?)$/.test(host);
}

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

/** Of random letters and digits as good as a key of 16 bytes. */
const RECOMMENDED_TOKEN_LENGTH = 22;

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
    const hint = didYouMean(region, geo.regionNames());
    warn(["sfu", index, "region"], `nobody knows where this is, so it is last for calls from elsewhere${hint}`);
  });

  if (environment.reusePort && settings.store.url === undefined) {
    const problem = "gateways on one port that share no [store] url may give one conference two SFUs";
    warnings.push({ where: "SFU_GATEWAY_REUSE_PORT", what: "", problem });
  }
  if (settings.store.url === undefined) {
    if (isSet(["store", "prefix"])) warn(["store", "prefix"], "has no effect without store.url");
  } else for (const doubt of doubtsAbout(settings.store.url)) warn(["store", "url"], doubt);
  if (isSet(["rate_limit", "window_ms"]) && settings.rate_limit.requests === undefined) {
    warn(["rate_limit", "window_ms"], "has no effect without rate_limit.requests");
  }
  if (settings.registration.allow !== undefined && environment.registrationKey === null) {
    warn(["registration", "allow"], "nobody can register, for SFU_GATEWAY_REGISTRATION_KEY is not set");
  }
  if (settings.registry.url !== undefined && isReadableByOthers(settings.registry.url)) {
    warn(["registry", "url"], "the list's keys come over the network as plain text, expected https");
  }
  if (settings.registry.token !== undefined && settings.registry.url === undefined) {
    warn(["registry", "token"], "has no effect without registry.url");
  }
  if ((environment.adminToken?.length ?? Infinity) < RECOMMENDED_TOKEN_LENGTH) {
    const problem = `a weak token, expected ${String(RECOMMENDED_TOKEN_LENGTH)} characters or more`;
    warnings.push({ where: "SFU_GATEWAY_ADMIN_TOKEN", what: "", problem });
  }
}

function doubtsAbout(storeUrl: string): readonly string[] {
  const url = readStoreUrl(storeUrl);
  const { username, password, sentinelPassword, isTls } = url;
  const hasPassword = password !== null || sentinelPassword !== null;
  const isPlain = !isTls && !hostsOf(url).every(({ host }) => isLoopback(host));
  return [
    ...(hasPassword && isPlain ? ["the password goes over the network as plain text, expected rediss"] : []),
    // What stands there alone is most often meant to be the password.
    ...(username !== null && password === null ? ["a user without a password: a password alone is :password@"] : []),
  ];
}
