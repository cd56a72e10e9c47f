import { isBracketBomb } from "../bracket-bomb.ts";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { isChannelName } from "./channel.ts";

/** What an SFU's `/v1/stats` says of its load. */
export interface Stats {
  /** Participants in all its conferences. */
  readonly sessions: number;
  /** Its conferences. */
  readonly channels: number;
  /** The sessions again, with none of the conferences counted for more than {@link ORDINARY_SIZE} of them. */
  readonly ordinarySessions: number;
  /** What its conferences are called, as far as it says so; for who is to end one. */
  readonly uuids: readonly string[];
}

/** One webinar must not make every new conference look like one. */
export const ORDINARY_SIZE = 25;

/**
 * 260 bytes a channel (contract.md): some 12,000 of them, six times a large SFU's. The process does nothing else while it
 * reads them.
 */
export const MAX_STATS_BYTES = 3 * 1024 * 1024;

/** 1,500 SFUs at the default interval, however large the fleet is; a long answer takes a millisecond to read. */
export const MOST_READINGS_A_SECOND = 150;

/** Of sessions in one channel. */
const MAX_COUNT = 1_000_000;

/**
 * Reads the body of a 200: a list of channels, and of each only what is needed, for SFUs differ in the rest. It stops at the
 * first that is none, as a list of a million things that are none must not keep the process busy.
 *
 * @throws {SfuError} `garbage`
 */
export function parseStats(body: Uint8Array): Stats {
  let json: unknown;
  if (isBracketBomb(body)) throw misshapen();
  try {
    json = parseJson(body);
  } catch {
    throw new SfuError("garbage", "answered its statistics with a body that is not JSON", 200);
  }
  if (!Array.isArray(json)) throw misshapen();
  let sessions = 0;
  let ordinarySessions = 0;
  const uuids: string[] = [];
  for (const channel of json as readonly unknown[]) {
    const size = sizeOf(channel);
    if (size === null) throw misshapen();
    sessions += size;
    ordinarySessions += Math.min(size, ORDINARY_SIZE);
    // One that is odd is no reason to do without the load.
    const { uuid } = channel as { readonly uuid?: unknown };
    if (isChannelName(uuid)) uuids.push(uuid);
  }
  return { sessions, channels: json.length, ordinarySessions, uuids };
}

/** @returns null where it is not a channel */
function sizeOf(channel: unknown): number | null {
  const { sessionsStats } = fieldsOf(channel);
  const { count } = fieldsOf(sessionsStats);
  if (typeof count !== "number" || !Number.isInteger(count)) return null;
  return count >= 0 && count <= MAX_COUNT ? count : null;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function misshapen(): SfuError {
  return new SfuError("garbage", "answered its statistics with JSON that is not a list of channels", 200);
}
