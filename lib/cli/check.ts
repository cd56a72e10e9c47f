import type { Config, Secrets } from "../config/config.ts";
import { countOf } from "../config/authorities.ts";
import { ConfigError, formatFault } from "../config/fault.ts";
import type { Loaded } from "../config/load.ts";
import { systemClock } from "../clock.ts";
import { SfuError } from "../errors.ts";
import { createSfuClient, type SfuClient } from "../sfu/client.ts";
import { createExchange } from "../sfu/exchange.ts";
import { sendByHttp } from "../sfu/transport/http.ts";
import type { Sfu } from "../sfu/sfu.ts";
import { staticSfus } from "../sfu/sources/static.ts";
import { askStore, describeStore } from "./check-store.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type FileOptions, type Io, loadFor, printJson } from "./io.ts";

export interface CheckOptions extends FileOptions {
  readonly live?: boolean;
  readonly json?: boolean;
}

/** `not an SFU`: something answers there, and not as an SFU would. */
export type LiveState = "fine" | "wrong key" | "unreachable" | "not an SFU";

export interface LiveResult {
  readonly address: string;
  readonly region: string | null;
  readonly state: LiveState;
  readonly detail: string;
}

/**
 * Reads the configuration as `serve` would and, with `live`, asks every SFU whether it is there and knows its key, and the
 * store whether it can be used.
 */
export async function check(options: CheckOptions, io: Io): Promise<number> {
  let loaded: Loaded;
  try {
    loaded = loadFor(options, io);
  } catch (error) {
    if (options.json !== true || !(error instanceof ConfigError)) throw error;
    printJson(io, { ok: false, faults: error.faults.map(formatFault), warnings: error.warnings.map(formatFault) });
    return EXIT_USAGE;
  }
  const { config, secrets, warnings } = loaded;
  const [results, store] =
    options.live === true
      ? await Promise.all([askAll(config, secrets, io.signal), askStore({ config, secrets })])
      : [null, null];
  const fine = [...(results ?? []), ...(store === null ? [] : [store])].every(({ state }) => state === "fine");

  if (options.json === true) {
    const fleet = config.sfus.map(({ address, region }) => ({ address, region }));
    const live = results === null ? {} : { store };
    printJson(io, { ok: fine, warnings: warnings.map(formatFault), sfus: results ?? fleet, ...live });
  } else {
    for (const warning of warnings) io.stderr(`warning: ${formatFault(warning)}\n`);
    io.stdout(`${summary(config, secrets)}\n`);
    for (const line of results === null ? [] : table(results)) io.stdout(`${line}\n`);
    if (store !== null) io.stdout(`${store.detail}\n`);
  }
  return fine ? EXIT_OK : EXIT_FAILED;
}

/** So many SFUs are asked at a time: an office's uplink shall not time them out. */
const AT_A_TIME = 20;

async function askAll(config: Config, secrets: Secrets, signal: AbortSignal): Promise<LiveResult[]> {
  const client = createSfuClient(systemClock, createExchange({ transport: sendByHttp, ca: config.tls.ca }));
  try {
    const results: LiveResult[] = [];
    const sfus = staticSfus(config, secrets);
    for (let first = 0; first < sfus.length; first += AT_A_TIME) {
      const asked = sfus
        .slice(first, first + AT_A_TIME)
        .map((sfu) => ask(sfu, client, { timeoutMs: config.health.timeoutMs, signal }));
      results.push(...(await Promise.all(asked)));
    }
    return results;
  } finally {
    client.close();
  }
}

async function ask(
  sfu: Sfu,
  client: SfuClient,
  bounds: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<LiveResult> {
  const result = (state: LiveState, detail: string): LiveResult => {
    return { address: sfu.address, region: sfu.region, state, detail };
  };
  try {
    // As the prober takes it: an edge may let nothing else pass than calls, and then the key check tells.
    await client.noop(sfu, bounds).catch((error: unknown) => {
      if (!(error instanceof SfuError && error.status !== null && error.status < 500)) throw error;
    });
    switch (await client.checkKey(sfu, bounds)) {
      case "accepted":
        return result("fine", "it answers and accepts its key");
      case "refused":
        return result("wrong key", "it answers and refuses its key: compare its AUTH_KEY with 'key'");
      case "refused or broken":
        return result("wrong key", "it answers its key with 500, as odoo/sfu does: compare its AUTH_KEY with 'key'");
    }
  } catch (error) {
    if (!(error instanceof SfuError)) throw error;
    return result(isSomethingElse(error) ? "not an SFU" : "unreachable", `it ${error.message}`);
  }
}

function isSomethingElse({ failure, status, isFromProxy }: SfuError): boolean {
  return !isFromProxy && (status !== null || failure === "garbage" || failure === "too_large");
}

function summary(config: Config, { gatewayKeys, registrationKey, adminToken }: Secrets): string {
  const { sfus, balancing, failover, registry, tls } = config;
  const regions = new Set(sfus.map(({ region }) => region).filter((region) => region !== null)).size;
  const fleet = `${String(sfus.length)} in ${String(regions)} ${regions === 1 ? "region" : "regions"}`;
  const opened = (by: string, secret: unknown): string => (secret === null ? `off, for ${by} is not set` : "on");
  return [
    "the configuration is fine",
    `  SFUs          ${regions === 0 ? String(sfus.length) : fleet}`,
    `  SFU list      ${registry === null ? "none" : `read every ${String(registry.intervalMs)} ms`}`,
    `  store         ${describeStore(config.store)}`,
    `  authorities   the usual ones${tls.ca === null ? "" : `, and ${String(countOf(tls.ca))} of [tls] ca_file`}`,
    `  registration  ${opened("SFU_GATEWAY_REGISTRATION_KEY", registrationKey)}`,
    `  admin routes  ${opened("SFU_GATEWAY_ADMIN_TOKEN", adminToken)}`,
    `  keys          ${String(gatewayKeys.length)} of the gateway`,
    `  balancing     ${balancing.strategy}`,
    `  failover      up to ${String(failover.maxRetries)} SFUs within ${String(failover.retryTimeoutMs)} ms`,
  ].join("\n");
}

function table(results: readonly LiveResult[]): string[] {
  const width = Math.max(...results.map(({ address }) => address.length));
  return results.map(({ address, state, detail }) => `${address.padEnd(width)}  ${state.padEnd(11)}  ${detail}`);
}
