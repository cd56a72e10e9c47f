import { z } from "zod";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { MAX_UUID_LENGTH } from "./channel.ts";

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

/** 260 bytes a channel (contract.md): some 30,000 of them. */
export const MAX_STATS_BYTES = 8 * 1024 * 1024;

/** Of one channel only what is needed; SFUs differ in the rest. */
const statsSchema = z.array(
  z.object({
    // One that is odd is no reason to do without the load.
    uuid: z.unknown().optional(),
    sessionsStats: z.object({ count: z.int().min(0).max(1_000_000) }),
  }),
);

/**
 * Reads the body of a 200.
 *
 * @throws {SfuError} `garbage`
 */
export function parseStats(body: Uint8Array): Stats {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch {
    throw new SfuError("garbage", "answered its statistics with a body that is not JSON", 200);
  }
  const result = statsSchema.safeParse(json);
  if (!result.success) {
    throw new SfuError("garbage", "answered its statistics with JSON that is not a list of channels", 200);
  }
  const sizes = result.data.map(({ sessionsStats }) => sessionsStats.count);
  return {
    sessions: sizes.reduce((sum, size) => sum + size, 0),
    channels: sizes.length,
    ordinarySessions: sizes.reduce((sum, size) => sum + Math.min(size, ORDINARY_SIZE), 0),
    uuids: result.data.map(({ uuid }) => uuid).filter(isUuid),
  };
}

/** As strictly as that of an answered channel. */
function isUuid(uuid: unknown): uuid is string {
  return typeof uuid === "string" && uuid !== "" && uuid.length <= MAX_UUID_LENGTH;
}
