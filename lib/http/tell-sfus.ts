import pLimit from "p-limit";
import type { ChannelSessions, DisconnectOrder } from "../auth/verify-disconnect.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { GatewayError, SfuError } from "../errors.ts";
import type { DisconnectEvent } from "../events.ts";
import type { DisconnectRequest, SfuClient } from "../sfu/client.ts";
import type { Sfu } from "../sfu/sfu.ts";
import type { DisconnectPart, DisconnectParts } from "./disconnect-parts.ts";

type Failure = DisconnectEvent["failed"][number];

/** Who was asked to disconnect sessions, and who did not do it. */
export type Told = Pick<DisconnectEvent, "channels" | "unknown" | "asked" | "failed">;

export interface TellSfusTools {
  readonly clock: Clock;
  readonly client: Pick<SfuClient, "disconnect">;
  readonly limits: Pick<Config["failover"], "attemptTimeoutMs" | "retryTimeoutMs">;
}

/** Of one request: those whose SFUs hang keep no other request waiting. */
const AT_A_TIME = 64;

/** A healthy SFU takes some milliseconds. One that takes longer than this is waited for, but no longer counts. */
const COUNTS_MS = 200;

/** More addresses than this help nobody who reads the error. */
const MAX_NAMED = 10;

/** Tells every SFU its part, whatever becomes of the others', within the budget. Never rejects for what an SFU does. */
export async function tellSfus(
  { parts, channels, unknown }: DisconnectParts,
  order: DisconnectOrder,
  from: Omit<DisconnectRequest, "payload">,
  { clock, client, limits: { attemptTimeoutMs, retryTimeoutMs } }: TellSfusTools,
): Promise<Told> {
  const deadlineMs = clock.monotonic() + retryTimeoutMs;
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
  const limit = pLimit(AT_A_TIME);
  const results: Promise<readonly Failure[]>[] = [];
  const begin = (part: DisconnectPart): Promise<void> => {
    const result = tell(part);
    results.push(result);
    return settledOrAfter(COUNTS_MS, result, clock);
  };
  await Promise.all(parts.map((part) => limit(begin, part)));
  return { channels, unknown, asked, failed: (await Promise.all(results)).flat() };
}

/** Never rejects. */
function settledOrAfter(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const end = (): void => {
      cancel();
      resolve();
    };
    work.then(end, end);
  });
}

/** Where the place of all channels is unknown, a whole fleet is told the same. */
function writtenOnce(order: DisconnectOrder): (channels: readonly ChannelSessions[]) => Uint8Array {
  const written = new Map<readonly ChannelSessions[], Uint8Array>();
  return (channels) => {
    const payload = written.get(channels) ?? order.claimsFor(channels);
    written.set(channels, payload);
    return payload;
  };
}

/**
 * Lets pass only what every SFU took that may have one of the channels.
 *
 * @throws {GatewayError} 502 `disconnect_incomplete`, which says of each other one what it did
 */
export function requireAll({ channels, unknown, failed }: Told, parts: number): void {
  const all = `the SFU of ${String(unknown)} of ${String(channels)} channels is not known, so all are to be asked`;
  if (unknown > 0 && parts === 0) throw incomplete(`${all}, but there is none`);
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
