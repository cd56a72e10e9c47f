import type { Clock, Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ChannelHomes } from "./channel-homes.ts";
import type { AttemptBounds, SfuClient } from "./client.ts";
import type { Registry } from "./registry.ts";
import type { ReportBoard } from "./report-board.ts";
import { createRounds } from "./rounds.ts";
import { isSilent, type Sfu } from "./sfu.ts";
import type { IsMine } from "./shares.ts";
import { MOST_READINGS_A_SECOND } from "./stats.ts";

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

/** Reads what SFUs carry, and sees on the way whether they are there. */
export interface StatsReader {
  /** When somebody answered a reading here, on the clock's monotonic scale: -Infinity for never. */
  answeredAtMs(sfu: Sfu): number;
  /**
   * Reads an SFU's statistics now, if it is time to: for whoever is going there anyhow.
   *
   * @returns whether anybody answered, be it with a refusal; false, too, where it was not time
   */
  readIfDue(sfu: Sfu, bounds: AttemptBounds): Promise<boolean>;
  /** Gives up what it is reading; nothing else follows. */
  stop(): void;
}

/** Statistics are large, up to 3 MB each, and not in a hurry. */
const AT_A_TIME = 64;

/** From which part of an interval on it is time, for whoever is going there anyhow. */
const DUE_AFTER = 0.75;

/** What another gateway should have read is as old as this, in intervals, where that one does not get it. */
const OVERDUE = 2;

/** So long a report is of use to others, in intervals. */
const OF_USE = 3;

/**
 * Reads the statistics of every SFU that does not report by itself, at every `statsIntervalMs`: of its own share of them,
 * and of those that no other gateway has read lately, be it for whatever reason. One whose statistics cannot be read is
 * balanced without a report; that says nothing of its health.
 */
export function createStatsReader(initial: Config["health"], tools: StatsReaderTools): StatsReader {
  const { clock, random, events, registry, client, homes, reportsItself, isMine = () => true, board } = tools;
  let { statsIntervalMs, timeoutMs } = initial;
  /** By address, of those that are in the registry. */
  const past = new Map<string, Past>();
  const begin = ({ address }: Sfu): void => {
    past.set(address, { askedAtMs: -Infinity, answeredAtMs: -Infinity, inPassingAtMs: -Infinity, trouble: "" });
  };
  /** Readings on the way of others. */
  let inPassing = 0;

  const tell = (sfu: Sfu, error: SfuError | null): void => {
    const known = past.get(sfu.address);
    const trouble = error?.message ?? "";
    if (known === undefined || known.trouble === trouble) return;
    known.trouble = trouble;
    events.emit("statistics", { sfu, error });
  };

  /** One that does not answer at all is the prober's business. */
  const isAsked = (sfu: Sfu): boolean => !reportsItself(sfu) && !isSilent(registry.health(sfu));

  const isReadElsewhere = (sfu: Sfu): boolean => {
    const atMs = registry.report(sfu)?.atMs ?? -Infinity;
    return clock.monotonic() - atMs < OVERDUE * rounds.paceMs() && !isMine(sfu);
  };

  /** It may have left meanwhile, or have come back with another token. */
  const isInForce = (sfu: Sfu): boolean => registry.get(sfu.address) === sfu;

  /** @returns whether anybody answered */
  const read = async (sfu: Sfu, bounds: AttemptBounds): Promise<boolean> => {
    const known = past.get(sfu.address);
    if (known === undefined) return false;
    const atMs = clock.monotonic();
    known.askedAtMs = atMs;
    try {
      const { uuids, ...load } = await client.stats(sfu, bounds);
      known.answeredAtMs = clock.monotonic();
      if (bounds.signal?.aborted === true || !isInForce(sfu)) return true;
      registry.setReport(sfu, { ...load, cpu: null, memory: null, atMs });
      board?.post(sfu, load, clock.monotonic() - atMs, OF_USE * rounds.paceMs());
      homes.learnListed(uuids, sfu);
      tell(sfu, null);
      return true;
    } catch (error) {
      if (!(error instanceof SfuError)) throw error;
      // Where nobody is there, the prober tells.
      const isThere = error.status !== null || ["timeout", "too_large"].includes(error.failure);
      if (isThere && isInForce(sfu)) tell(sfu, inWords(error, sfu));
      const isAnswered = error.status !== null && error.status < 500;
      if (isAnswered) known.answeredAtMs = clock.monotonic();
      return isAnswered;
    }
  };

  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => past.delete(sfu.address));
  for (const sfu of registry.all()) begin(sfu);
  const rounds = createRounds({
    name: "the reader of statistics",
    clock,
    random,
    events,
    registry,
    intervalMs: statsIntervalMs,
    firstWithinMs: initial.intervalMs,
    mostASecond: MOST_READINGS_A_SECOND,
    atATime: AT_A_TIME,
    passesBy: (sfu) => !isAsked(sfu) || isReadElsewhere(sfu),
    shownAtMs: ({ address }) => past.get(address)?.inPassingAtMs ?? -Infinity,
    async visit(sfu, signal) {
      await read(sfu, { timeoutMs, signal });
      return null;
    },
  });
  events.on("reconfigured", ({ to: { health } }) => {
    ({ statsIntervalMs, timeoutMs } = health);
    rounds.setInterval(statsIntervalMs, health.intervalMs);
  });
  const isDue = (sfu: Sfu, { askedAtMs }: Past): boolean =>
    clock.monotonic() - askedAtMs >= DUE_AFTER * rounds.paceMs() && isAsked(sfu) && !isReadElsewhere(sfu);

  return {
    answeredAtMs: ({ address }) => past.get(address)?.answeredAtMs ?? -Infinity,
    async readIfDue(sfu, bounds) {
      const known = past.get(sfu.address);
      if (known === undefined || inPassing >= AT_A_TIME || !isDue(sfu, known)) return false;
      inPassing++;
      known.inPassingAtMs = clock.monotonic();
      try {
        return await read(sfu, bounds);
      } finally {
        inPassing--;
      }
    },
    stop: () => rounds.stop(),
  };
}

/** What the readings of one SFU have shown. Times are on the clock's monotonic scale. */
interface Past {
  askedAtMs: number;
  answeredAtMs: number;
  /** When it was last asked by the way. */
  inPassingAtMs: number;
  /** What was wrong the last time, empty for nothing. Said once, not at every reading. */
  trouble: string;
}

/** The token of the statistics is none that the gateway signs. */
function inWords(error: SfuError, { statsToken }: Sfu): SfuError {
  if (error.failure !== "unauthorized") return error;
  const message = statsToken === null ? "wants a token for them" : "refuses the token that the gateway has for them";
  return new SfuError(error.failure, message, error.status);
}
