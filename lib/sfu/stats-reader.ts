import type { Clock, Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ChannelHomes } from "./channel-homes.ts";
import type { SfuClient } from "./client.ts";
import type { Registry } from "./registry.ts";
import type { ReportBoard } from "./report-board.ts";
import { createRounds } from "./rounds.ts";
import { isSilent, type Sfu } from "./sfu.ts";
import type { IsMine } from "./shares.ts";

export interface StatsReaderTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  readonly client: SfuClient;
  /** Where channels are that this gateway did not see begin: before it was restarted, or by way of another one. */
  readonly homes: Pick<ChannelHomes, "learnListed">;
  /** Whether an SFU tells its load by itself, and more of it than its statistics do. */
  readonly reportsItself: (sfu: Sfu) => boolean;
  /** Where other gateways read some of them; all are read here without these. */
  readonly isMine?: IsMine;
  readonly board?: ReportBoard;
}

/** 1,000 SFUs at the default interval; a long answer takes a millisecond to read. */
const MOST_A_SECOND = 100;

/** Statistics are large, up to 8 MB each, and not in a hurry. */
const AT_A_TIME = 64;

/** What another gateway should have read is as old as this, in intervals, where that one does not get it. */
const OVERDUE = 2;

/** So long a report is of use to others, in intervals. */
const OF_USE = 3;

/**
 * Reads the statistics of every SFU that does not report by itself, at every `statsIntervalMs`: of its own share of them,
 * and of those that no other gateway has read lately, be it for whatever reason. One whose statistics cannot be read is
 * balanced without a report; that says nothing of its health.
 *
 * @returns what stops it
 */
export function createStatsReader(initial: Config["health"], tools: StatsReaderTools): () => void {
  const { clock, random, events, registry, client, homes, reportsItself, isMine = () => true, board } = tools;
  let { statsIntervalMs, timeoutMs } = initial;
  /** By address: what was wrong the last time. Said once, not at every reading. */
  const troubles = new Map<string, string>();

  const tell = (sfu: Sfu, error: SfuError | null): void => {
    const trouble = error?.message ?? "";
    if ((troubles.get(sfu.address) ?? "") === trouble) return;
    troubles.set(sfu.address, trouble);
    events.emit("statistics", { sfu, error });
  };

  /** One that does not answer at all is the prober's business. */
  const isAsked = (sfu: Sfu): boolean => !reportsItself(sfu) && !isSilent(registry.health(sfu));

  const isReadElsewhere = (sfu: Sfu): boolean => {
    const atMs = registry.report(sfu)?.atMs ?? -Infinity;
    return clock.monotonic() - atMs < OVERDUE * statsIntervalMs && !isMine(sfu);
  };

  /** It may have left meanwhile, or have come back with another token. */
  const isInForce = (sfu: Sfu): boolean => registry.get(sfu.address) === sfu;

  const read = async (sfu: Sfu, signal: AbortSignal): Promise<null> => {
    const atMs = clock.monotonic();
    try {
      const { uuids, ...load } = await client.stats(sfu, { timeoutMs, signal });
      if (signal.aborted || !isInForce(sfu)) return null;
      registry.setReport(sfu, { ...load, cpu: null, memory: null, atMs });
      board?.post(sfu, load, clock.monotonic() - atMs, OF_USE * statsIntervalMs);
      homes.learnListed(uuids, sfu);
      tell(sfu, null);
    } catch (error) {
      if (!(error instanceof SfuError)) throw error;
      // Where nobody is there, the prober tells.
      const isThere = error.status !== null || ["timeout", "too_large"].includes(error.failure);
      if (isThere && isInForce(sfu)) tell(sfu, inWords(error, sfu));
    }
    return null;
  };

  events.on("sfuRemoved", ({ sfu }) => troubles.delete(sfu.address));
  const rounds = createRounds({
    name: "the reader of statistics",
    clock,
    random,
    events,
    registry,
    intervalMs: statsIntervalMs,
    firstWithinMs: initial.intervalMs,
    mostASecond: MOST_A_SECOND,
    atATime: AT_A_TIME,
    passesBy: (sfu) => !isAsked(sfu) || isReadElsewhere(sfu),
    visit: read,
  });
  events.on("reconfigured", ({ to: { health } }) => {
    ({ statsIntervalMs, timeoutMs } = health);
    rounds.setInterval(statsIntervalMs, health.intervalMs);
  });
  return () => rounds.stop();
}

/** The token of the statistics is none that the gateway signs. */
function inWords(error: SfuError, { statsToken }: Sfu): SfuError {
  if (error.failure !== "unauthorized") return error;
  const message = statsToken === null ? "wants a token for them" : "refuses the token that the gateway has for them";
  return new SfuError(error.failure, message, error.status);
}
