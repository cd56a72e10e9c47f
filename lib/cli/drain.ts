import { type Clock, sleep, systemClock } from "../clock.ts";
import { sfuIdentity } from "../config/schema.ts";
import type { DrainedState, FleetState, SfuState } from "./gateway-answers.ts";
import { createGatewayApi, type GatewayApi } from "./gateway-api.ts";
import { adminToken, gatewayUrl, type UrlOption } from "./gateway-settings.ts";
import { CliError, EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io, printJson } from "./io.ts";
import { drainProgress, sessionsLeft } from "./status/words.ts";

export interface UndrainOptions extends UrlOption {
  readonly address: string;
  readonly json?: boolean;
}

export interface DrainOptions extends UndrainOptions {
  /** Until no session is left. */
  readonly wait?: boolean;
}

/**
 * Has a running gateway give an SFU no new conferences.
 *
 * @returns 0; with `wait` when no session is left, and 1 where `io.signal` ended it before
 * @throws {CliError} also where there is nothing to wait for any more
 */
export async function drain({ wait = false, json = false, ...options }: DrainOptions, io: Io): Promise<number> {
  const { address, gateway, drained } = await setDraining(options, true, io);
  const { changed, durable, sessions } = drained;
  if (json) {
    print(io, { address, draining: true, ...drained }, wait);
  } else {
    const verb = changed ? "is drained" : "was drained already";
    io.stdout(`${address} ${verb}: it gets no new conferences; ${lastReported(sessions, wait)}\n`);
    if (!durable) io.stdout((await hasStore(gateway)) ? HEARD_LATER : ENDS_WITH_THE_GATEWAY);
  }
  if (!wait) return EXIT_OK;

  const show = (sfu: SfuState): void => {
    if (json) print(io, { address, draining: true, sessions: sessionsLeft(sfu) }, true);
    else io.stdout(`${address} is ${drainProgress(sfu)}\n`);
  };
  return waitUntilEmpty({ address, gateway, told: sessions, show, clock: systemClock }, io);
}

/** Has a running gateway give an SFU conferences again. */
export async function undrain({ json = false, ...options }: UndrainOptions, io: Io): Promise<number> {
  const { address, drained } = await setDraining(options, false, io);
  if (json) print(io, { address, draining: false, ...drained }, false);
  else {
    io.stdout(`${address} ${drained.changed ? "is no longer" : "was not"} drained: it may get new conferences\n`);
    if (!drained.durable) io.stdout(STAYS_ELSEWHERE);
  }
  return EXIT_OK;
}

const ENDS_WITH_THE_GATEWAY =
  "Only this gateway knows of it, and only until its process ends: drain it at each gateway that you run, and again " +
  "after a restart.\n";

const HEARD_LATER =
  "The store that the gateway shares is away: the others hear of it when that is back, if this gateway's process has not " +
  "ended by then. Until then drain it at each of them.\n";

const STAYS_ELSEWHERE =
  "The store that the gateway shares is away: the others hear of it when that is back. If this one's process ends before, " +
  "the SFU is drained again.\n";

/** Whether it shares one with other gateways. Who does not say so is alone. */
async function hasStore(gateway: GatewayApi): Promise<boolean> {
  try {
    return (await gateway.health()).fleet.store !== null;
  } catch (error) {
    if (error instanceof CliError) return false;
    throw error;
  }
}

async function setDraining(
  { url, address: given }: UndrainOptions,
  isDraining: boolean,
  io: Io,
): Promise<{ readonly address: string; readonly gateway: GatewayApi; readonly drained: DrainedState }> {
  const { data, error } = sfuIdentity.safeParse({ address: given });
  if (data === undefined) throw new CliError(`ADDRESS: ${error.issues[0]?.message ?? "not a URL"}`, EXIT_USAGE);
  const { address } = data;
  const token = adminToken(io.env);
  const gateway = createGatewayApi(gatewayUrl(url, io.env), { clock: systemClock, signal: io.signal });
  return { address, gateway, drained: await gateway.setDraining(address, isDraining, token) };
}

/** Several documents stand on a line each. */
function print(io: Io, value: unknown, isOneOfMany: boolean): void {
  if (isOneOfMany) io.stdout(`${JSON.stringify(value)}\n`);
  else printJson(io, value);
}

/** A report may be older than the drain, so that the SFU is empty is not for it to say. */
function lastReported(sessions: number | null, wait: boolean): string {
  if (sessions === null) return "how many sessions are left is not known";
  if (sessions > 0) return `${String(sessions)} ${sessions === 1 ? "session" : "sessions"} left`;
  return `no session at its last report, ${wait ? "waiting for a younger one" : "--wait tells when it can be stopped"}`;
}

const POLL_MS = 2000;

/** So long after the gateway has named an SFU its sessions may begin: a caller's browser has to get there first. */
const SETTLE_MS = 10_000;

interface Wait {
  readonly address: string;
  readonly gateway: GatewayApi;
  /** The sessions that have been shown. */
  readonly told: number | null;
  readonly show: (sfu: SfuState) => void;
  readonly clock: Clock;
}

async function waitUntilEmpty({ address, gateway, told, show, clock }: Wait, io: Io): Promise<number> {
  const { signal } = io;
  const drainedAtMs = clock.monotonic();
  const look = createLook(gateway, io);
  let shown = told;
  while (!signal.aborted) {
    const fleet = await look();
    if (fleet !== null) {
      const sfu = drainedOne(fleet, address);
      const left = sessionsLeft(sfu);
      // What was given away just before the drain is in no report that is older than this.
      const youngerMs = clock.monotonic() - drainedAtMs - SETTLE_MS;
      if (left === 0 && sfu.reportAgeMs !== null && sfu.reportAgeMs <= youngerMs) {
        show(sfu);
        return EXIT_OK;
      }
      if (left !== 0 && left !== shown) {
        shown = left;
        show(sfu);
      }
    }
    // It ends early when the signal is aborted, and then the loop does.
    await sleep(clock, POLL_MS, signal).catch(() => undefined);
  }
  io.stderr(`ended before ${address} was empty; it stays drained\n`);
  return EXIT_FAILED;
}

/** @returns the fleet, or null where the gateway cannot tell; why is said on stderr, once */
function createLook(gateway: GatewayApi, { signal, stderr }: Io): () => Promise<FleetState | null> {
  let trouble: string | null = null;
  return async () => {
    try {
      const { fleet } = await gateway.health();
      trouble = null;
      return fleet;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (!signal.aborted && error.message !== trouble) stderr(`${error.message}; trying again\n`);
      trouble = error.message;
      return null;
    }
  };
}

/** @throws {CliError} where the SFU is not drained any more, so that it may never be empty */
function drainedOne({ sfus }: FleetState, address: string): SfuState {
  const sfu = sfus.find((one) => one.address === address);
  if (sfu === undefined) {
    throw new CliError(`${address} has left the fleet: how many sessions it has is not known any more`, EXIT_FAILED);
  }
  if (sfu.load === null && (sfu.out === "down" || sfu.out === "expired")) {
    const why = `${address} is ${sfu.out}: it ${sfu.reason ?? "does not answer"}`;
    throw new CliError(`${why}; how many sessions it has is not known any more`, EXIT_FAILED);
  }
  if (sfu.draining) return sfu;
  const why = "somebody has undrained it, or the gateway was restarted";
  throw new CliError(`${address} is not drained any more: ${why}`, EXIT_FAILED);
}
