import { z } from "zod";
import type { Clock } from "../clock.ts";
import { parseJson } from "../json.ts";
import type { Store } from "../store/store.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";
import type { Stats } from "./stats.ts";

export interface ReportBoardTools {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly store: Pick<Store, "board">;
  /** Whether an SFU tells its load by itself: then what others have read of it is not as good. */
  readonly reportsItself: (sfu: Sfu) => boolean;
}

/** An SFU's load, as it has been read. */
export type Load = Omit<Stats, "uuids">;

/** What gateways read of the SFUs' statistics, each for all. */
export interface ReportBoard {
  /**
   * @param tookMs how long ago it was asked for, in milliseconds
   * @param ttlMs how long it is of use to anybody, in milliseconds
   */
  post(sfu: Sfu, load: Load, tookMs: number, ttlMs: number): void;
}

const count = z.int().min(0);

/** As it is posted. A gateway of another version may say more. */
const postedSchema = z.object({
  sessions: count,
  channels: count,
  ordinarySessions: count,
  tookMs: z.number().min(0),
});

/** Takes in what the others post. */
export function createReportBoard({ clock, registry, store, reportsItself }: ReportBoardTools): ReportBoard {
  store.board.on("reports", ({ name, text, ageMs }) => {
    const sfu = registry.get(name);
    if (sfu === null || reportsItself(sfu)) return;
    const posted = read(text);
    if (posted === null) return;
    const { tookMs, ...load } = posted;
    registry.setReport(sfu, { ...load, cpu: null, memory: null, atMs: clock.monotonic() - ageMs - tookMs });
  });

  return {
    post({ address }, { sessions, channels, ordinarySessions }, tookMs, ttlMs) {
      const text = JSON.stringify({ sessions, channels, ordinarySessions, tookMs });
      void store.board.post("reports", address, text, ttlMs);
    },
  };
}

/** @returns null where it is none: without it, the SFU is read here */
function read(text: string): z.infer<typeof postedSchema> | null {
  try {
    return postedSchema.parse(parseJson(Buffer.from(text)));
  } catch {
    return null;
  }
}
