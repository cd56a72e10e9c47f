import pLimit from "p-limit";
import type { ChannelSessions, DisconnectOrder } from "../auth/verify-disconnect.ts";
import type { Clock } from "../clock.ts";
import { GatewayError, SfuError } from "../errors.ts";
import type { DisconnectEvent } from "../events.ts";
import type { DisconnectRequest, SfuClient } from "../sfu/client.ts";
import type { Sfu } from "../sfu/sfu.ts";
import type { DisconnectPart, DisconnectParts } from "./disconnect-parts.ts";
import { settledOrAfter } from "./under-way.ts";

type Failure = DisconnectEvent["failed"][number];

/** Who was asked to disconnect sessions, and who did not do it. */
export type Told = Pick<DisconnectEvent, "channels" | "unknown" | "silent" | "asked" | "failed">;

/** What all disconnects share for those channels whose SFU is not known: runs `begin` when it is its turn. */
export type FanOut = (begin: () => Promise<void>) => Promise<void>;

export interface TellSfusTools {
  readonly clock: Clock;
  readonly client: Pick<SfuClient, "disconnect">;
  readonly fanOut: FanOut;
}

export interface TellSfusBounds {
  /** When all must have ended, on the clock's monotonic scale. */
  readonly deadlineMs: number;
  /** The longest that one SFU may take. */
  readonly attemptTimeoutMs: number;
}

/**
 * Of the homes in one request. They are few, and never wait for a fan-out, nor for those of another request that hang.
 */
const HOMES_AT_A_TIME = 64;

/**
 * Of all requests together: a question costs 0.4 ms of processor time, a fleet has a thousand SFUs, and calls that begin
 * want the same processor. These are what it may have to do between two of their steps.
 */
const FAN_OUT_AT_A_TIME = 16;

/** A healthy SFU takes some milliseconds. One that takes longer than this is waited for, but no longer counts. */
const COUNTS_MS = 100;

/** More addresses than this help nobody who reads the error. */
const MAX_NAMED = 10;

/** One for the whole gateway. */
export function createFanOut(): FanOut {
  return pLimit(FAN_OUT_AT_A_TIME);
}

/**
 * Tells every SFU its part, whatever becomes of the others', within the bounds and at most {@link COUNTS_MS} beyond, where
 * others are in front. Never rejects for what an SFU does.
 */
export async function tellSfus(
  { parts, channels, unknown, silent }: DisconnectParts,
  order: DisconnectOrder,
  from: Omit<DisconnectRequest, "payload">,
  { deadlineMs, attemptTimeoutMs }: TellSfusBounds,
  { clock, client, fanOut }: TellSfusTools,
): Promise<Told> {
  const payloadOf = writtenOnce(order);
  const asked: Sfu[] = [];
  const tell = async ({ sfu, channels: own }: DisconnectPart): Promise<readonly Failure[]> => {
    const timeoutMs = Math.min(attemptTimeoutMs, deadlineMs - clock.monotonic());
    try {
      if (timeoutMs <= 0) throw new SfuError("timeout", "was not asked any more, for the time was up");
      asked.push(sfu);
      await client.disconnect(sfu, { ...from, payload: payloadOf(own) }, { timeoutMs });
      return [];
    } catch (error) {
      if (!(error instanceof SfuError)) throw error;
      return [{ sfu, error }];
    }
  };
  const homes = pLimit(HOMES_AT_A_TIME);
  const results: Promise<readonly Failure[]>[] = [];
  const begin = (part: DisconnectPart): Promise<void> => {
    const result = tell(part);
    results.push(result);
    return settledOrAfter(COUNTS_MS, result, clock);
  };
  await Promise.all(parts.map((part) => (part.isHome ? homes : fanOut)(() => begin(part))));
  return { channels, unknown, silent, asked, failed: (await Promise.all(results)).flat() };
}

/** Where the place of all channels is unknown, a whole fleet is told the same. */
function writtenOnce(order: DisconnectOrder): (channels: readonly ChannelSessions[]) => Buffer {
  const written = new Map<readonly ChannelSessions[], Buffer>();
  return (channels) => {
    const payload = written.get(channels) ?? order.claimsFor(channels);
    written.set(channels, payload);
    return payload;
  };
}

/**
 * Lets pass only what every SFU took that was to be asked.
 *
 * @throws {GatewayError} 502 `disconnect_incomplete`, which says of each other one what it did
 */
export function requireAll({ channels, unknown, silent, failed }: Told, parts: number): void {
  const butSilent = silent === 0 ? "" : ` but ${String(silent)} that ${silent === 1 ? "is" : "are"} down or expired`;
  const all = `the SFU of ${String(unknown)} of ${String(channels)} channels is not known, so all${butSilent} are to be asked`;
  if (unknown > 0 && parts === 0)
    throw incomplete(`${all}, ${silent === 0 ? "but there is none" : "and that leaves none"}`);
  if (failed.length === 0) return;
  const named = failed.slice(0, MAX_NAMED).map(({ sfu, error }) => `${sfu.address} ${error.message}`);
  const more = failed.length - named.length;
  const whoDidWhat = [...named, ...(more === 0 ? [] : [`and ${String(more)} more`])].join("; ");
  const count = `${String(failed.length)} of ${String(parts)} ${parts === 1 ? "SFU" : "SFUs"}`;
  throw incomplete(`${count} did not take it: ${whoDidWhat}${unknown === 0 ? "" : ` (${all})`}`);
}

function incomplete(what: string): GatewayError {
  return new GatewayError("disconnect_incomplete", what, { status: 502 });
}
