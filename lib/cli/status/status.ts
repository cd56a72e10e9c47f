import { type Clock, sleep, systemClock } from "../../clock.ts";
import { createGatewayApi, type GatewayApi } from "../gateway-api.ts";
import { gatewayUrl, type UrlOption } from "../gateway-settings.ts";
import { CliError, EXIT_FAILED, EXIT_OK, type Io, printJson } from "../io.ts";
import type { Screen } from "../terminal.ts";
import { fleetLines } from "./fleet-lines.ts";
import { duration, timeOfDay } from "./words.ts";

export interface StatusOptions extends UrlOption {
  /** Seconds between two looks; true for the usual ones. */
  readonly watch?: number | true;
  readonly json?: boolean;
}

const WATCH_S = 2;

/**
 * Shows the fleet of a running gateway.
 *
 * @returns 0 where an SFU is available, 1 where none is; with `watch` 0, when `io.signal` ends it or nobody reads it any
 *   more
 */
export async function status({ url, watch: watched, json = false }: StatusOptions, io: Io): Promise<number> {
  const clock = systemClock;
  const signal = watched === undefined ? io.signal : AbortSignal.any([io.signal, io.unread]);
  const address = gatewayUrl(url, io.env);
  const gateway = createGatewayApi(address, { clock, signal });
  if (watched !== undefined) {
    const seconds = watched === true ? WATCH_S : watched;
    const view = json ? jsonView(io) : textView(io, `every ${String(seconds)} s, ${address}`);
    return watch(gateway, view, { clock, signal, seconds });
  }
  const health = await gateway.health();
  if (json) printJson(io, health.json);
  else io.stdout(text(fleetLines(health.fleet, { nowMs: clock.now(), color: io.color, screen: io.screen() })));
  return health.fleet.available > 0 ? EXIT_OK : EXIT_FAILED;
}

/** What a watch shows. Times are wall clock milliseconds. */
interface View {
  fleet(health: Awaited<ReturnType<GatewayApi["health"]>>, nowMs: number): void;
  /** The gateway cannot be asked. */
  lost(message: string, nowMs: number, sinceMs: number): void;
}

/** Looks again and again; a gateway that goes away may come back. */
async function watch(
  gateway: GatewayApi,
  view: View,
  { clock, signal, seconds }: { readonly clock: Clock; readonly signal: AbortSignal; readonly seconds: number },
): Promise<number> {
  const isOver = (): boolean => signal.aborted;
  let lostSinceMs: number | null = null;
  while (!isOver()) {
    try {
      const health = await gateway.health();
      lostSinceMs = null;
      view.fleet(health, clock.now());
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (isOver()) break;
      lostSinceMs ??= clock.now();
      view.lost(error.message, clock.now(), lostSinceMs);
    }
    // It ends early when the signal is aborted, and then the loop does.
    await sleep(clock, seconds * 1000, signal).catch(() => undefined);
  }
  return EXIT_OK;
}

/** One document a line; `status` tells them apart. */
function jsonView(io: Io): View {
  const line = (value: unknown): void => io.stdout(`${JSON.stringify(value)}\n`);
  return {
    fleet: ({ json }) => line(json),
    lost: (message, _nowMs, sinceMs) =>
      line({ status: "unreachable", message, since: new Date(sinceMs).toISOString() }),
  };
}

/** What was on the screen goes line by line as the new comes, so that nothing flickers. */
const HOME = "\u001b[H";
const CLEAR_TO_END_OF_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** The stamp and the blank line below it. */
const STAMP_ROWS = 2;

/** Each look in the place of the one before, or below it where that is a file. */
function textView({ stdout, color, screen }: Io, how: string): View {
  const show = (nowMs: number, linesFor: (screen: Screen | null) => readonly string[]): void => {
    const stamp = `${timeOfDay(nowMs)}, ${how}`;
    const current = screen();
    if (current === null) {
      stdout(text([stamp, ...linesFor(null), ""]));
      return;
    }
    const lines = [stamp, "", ...linesFor({ ...current, rows: current.rows - STAMP_ROWS })];
    stdout(HOME + text(lines.map((line) => line + CLEAR_TO_END_OF_LINE)) + CLEAR_BELOW);
  };
  return {
    fleet: ({ fleet }, nowMs) => show(nowMs, (room) => fleetLines(fleet, { nowMs, color, screen: room })),
    lost(message, nowMs, sinceMs) {
      show(nowMs, () => [message, `since ${timeOfDay(sinceMs)}, ${duration(nowMs - sinceMs)} ago; trying again`]);
    },
  };
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
