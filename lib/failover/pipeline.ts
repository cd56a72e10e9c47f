import pRetry from "p-retry";
import type { Affinity } from "../balancing/affinity.ts";
import type { Ledger } from "../balancing/ledger.ts";
import type { Candidate, Candidates, Rank } from "../balancing/rank.ts";
import type { Placement } from "../balancing/strategy.ts";
import { type Clock, inTime, withDeadline } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError, toError } from "../errors.ts";
import type { AttemptEvent, Events } from "../events.ts";
import type { Channel } from "../sfu/channel.ts";
import type { JoinRequest, SfuClient } from "../sfu/client.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Sfu } from "../sfu/sfu.ts";
import type { Turn } from "../store/store.ts";
import { NobodyLeftError, toAnswer } from "./answer.ts";
import { BreakerOpenError, type Breakers, type Verdict } from "./breakers.ts";
import { judge } from "./retryable.ts";

/** One request for a channel on its way through the candidates. */
export interface Call {
  /** Identifies the conference: the key of assignments. */
  readonly conference: string;
  readonly placement: Placement;
  readonly join: JoinRequest;
  /** When the caller's budget is used up, on the clock's monotonic scale. */
  readonly deadlineMs: number;
}

/** The attempts for one call: those that have ended, and what will come of them. It is remembered for a while after that. */
export interface Chain {
  /** What the SFUs are asked with, see {@link JoinRequest}. */
  readonly query: string;
  readonly attempts: readonly AttemptEvent[];
  /**
   * Rejected with a {@link GatewayError}: 503 `no_sfu_available` or `overloaded` where nobody could be asked,
   * `all_candidates_failed` where all who were asked failed; the SFU's own 400 or 409 as `refused_by_sfu`; `caller_gone`.
   */
  readonly result: Promise<Served>;
}

export interface Served {
  readonly channel: Channel;
  /** Null where another gateway was given the channel by one that this gateway does not know. */
  readonly sfu: Sfu | null;
}

export interface FailoverTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Pick<Registry, "get">;
  readonly rank: Rank;
  readonly affinity: Affinity;
  readonly ledger: Ledger;
  readonly breakers: Breakers;
  readonly client: SfuClient;
  /** For how long on end the gateway has been too busy to hear an answer since `sinceMs`, at the most; 0 without it. */
  readonly lagSince?: (sinceMs: number) => number;
}

/** Walks the candidates of one call until one serves, or `signal` is aborted. */
export type Failover = (call: Call, signal: AbortSignal) => Chain;

export function createFailover(settings: Config["failover"], tools: FailoverTools): Failover {
  return (call, signal) => {
    const attempts: AttemptEvent[] = [];
    return { query: call.join.query, attempts, result: walk(call, attempts, signal, settings, tools) };
  };
}

async function walk(
  call: Call,
  attempts: AttemptEvent[],
  signal: AbortSignal,
  settings: Config["failover"],
  tools: FailoverTools,
): Promise<Served> {
  const { clock, registry, affinity } = tools;
  const leftMs = Math.max(0, call.deadlineMs - clock.monotonic());
  let turn: Turn | null = null;
  try {
    const entry = await affinity.enter(call.conference, { signal, timeoutMs: PATIENCE * leftMs });
    if (entry.kind === "placed") return { channel: entry.channel, sfu: registry.get(entry.address) };
    turn = entry;
    return await walkInTurn(entry, call, attempts, signal, settings, tools);
  } catch (error) {
    void turn?.end(null);
    throw toAnswer(toError(error), attempts.length, signal);
  }
}

async function walkInTurn(
  turn: Turn,
  call: Call,
  attempts: AttemptEvent[],
  signal: AbortSignal,
  settings: Config["failover"],
  { clock, events, rank, affinity, ledger, breakers, client, lagSince = () => 0 }: FailoverTools,
): Promise<Served> {
  const { requestId } = call.join;
  const placement = turn.isShared ? call.placement : { ...call.placement, agreeOn: call.conference };
  let candidates = rank(placement, turn.home);
  /** What an answer that is not a channel turns out to mean once the chain has ended. */
  const ending = Promise.withResolvers<Verdict>();

  const attempt = async (): Promise<ServedBy> => {
    const timeoutMs = fairShareMs();
    const candidate = timeoutMs > 0 ? candidates.next() : null;
    if (candidate === null) {
      if (await trialEnds()) return attempt();
      throw new NobodyLeftError(candidates.shortage());
    }
    const { sfu, isLastResort: asLastResort } = candidate;
    try {
      return await breakers.run(sfu, () => ask(candidate, timeoutMs), {
        verdictOf: (error) => verdictOn(sfu, error, timeoutMs),
        asLastResort,
      });
    } catch (error) {
      // Nobody was asked, so it was no attempt.
      if (error instanceof BreakerOpenError) return attempt();
      throw error;
    }
  };

  let trialsUntilMs: number | null = null;

  /**
   * Where the last SFU that was in has just failed this call, and another call is finding out at this moment whether the
   * others are back: waits a little for what it finds.
   *
   * @returns whether there may be a candidate now
   */
  const trialEnds = async (): Promise<boolean> => {
    const tried = attempts.length === 0 ? [] : candidates.beingTried();
    if (tried.length === 0) return false;
    const nowMs = clock.monotonic();
    trialsUntilMs ??= Math.min(call.deadlineMs, nowMs + TRIALS_MS);
    const timeoutMs = Math.floor(trialsUntilMs - nowMs);
    if (timeoutMs <= 0) return false;
    const onTimeout = (): Error => new NobodyLeftError("none");
    return withDeadline({ clock, timeoutMs, signal, onTimeout }, () =>
      Promise.race(tried.map((sfu) => breakers.tried(sfu))),
    ).then(
      () => true,
      () => false,
    );
  };

  /** What is left of the budget, divided among the attempts that can still be made. */
  const fairShareMs = (): number => {
    const leftMs = Math.floor(call.deadlineMs - clock.monotonic());
    const toCome = Math.max(1, candidates.left(settings.maxRetries - attempts.length));
    const share = Math.max(Math.floor(leftMs / toCome), Math.min(leftMs, SHORTEST_ATTEMPT_MS));
    return Math.min(settings.attemptTimeoutMs, share);
  };

  const ask = async ({ sfu, isAssigned }: Candidate, timeoutMs: number): Promise<ServedBy> => {
    const previous = attempts.at(-1);
    if (previous !== undefined) events.emit("failover", { from: previous });
    // Before the answer: of many that are asked for at once, each has to see the others.
    const takeBack = isAssigned ? null : ledger.claim(sfu);
    const startedMs = clock.monotonic();
    const end = (error: SfuError | null): void => {
      const ended = { requestId, sfu, durationMs: clock.monotonic() - startedMs, error };
      attempts.push(ended);
      events.emit("attempt", ended);
    };
    try {
      const channel = await client.join(sfu, call.join, { timeoutMs, signal });
      end(null);
      return { channel, sfu };
    } catch (error) {
      takeBack?.();
      if (error instanceof SfuError) end(error);
      throw error;
    }
  };

  const verdictOn = async (sfu: Sfu, error: Error, timeoutMs: number): Promise<Verdict> => {
    const tookMs = attempts.find((ended) => ended.error === error)?.durationMs ?? 0;
    const { blame } = judge(error, tookMs, timeoutMs, lagSince(clock.monotonic() - tookMs));
    const verdict = blame === "unsure" ? await ending.promise : VERDICTS[blame];
    if (verdict === "fault") events.emit("fault", { sfu, error });
    return verdict;
  };

  /** The first candidate that serves. */
  const serve = (): Promise<ServedBy> =>
    pRetry(attempt, {
      // p-retry counts what comes after the first.
      retries: settings.maxRetries - 1,
      minTimeout: 0,
      maxTimeout: 0,
      signal,
      shouldRetry: ({ error }) => judge(error).then === "next",
    });

  /**
   * The other gateways took this one for dead, and one of them has placed the conference elsewhere. Its members are there;
   * the channel that was made here empties by itself.
   */
  const serveAt = async (home: string): Promise<Served | null> => {
    candidates = onlyAssigned(rank(placement, home));
    return attempt().catch(() => null);
  };

  /** What is not on record when the caller gives up goes on there without him. @returns null then */
  const record = ({ sfu, channel }: ServedBy): string | null | Promise<string | null> => {
    const recorded = turn.end({ address: sfu.address, channel, ttlMs: affinity.ttlMs });
    if (!(recorded instanceof Promise)) return recorded;
    return inTime({ clock, timeoutMs: Math.max(0, call.deadlineMs - clock.monotonic()) }, recorded);
  };

  try {
    const served = await serve();
    ending.resolve("fault");
    const recorded = record(served);
    const home = recorded instanceof Promise ? await recorded : recorded;
    return home === null || home === served.sfu.address ? served : ((await serveAt(home)) ?? served);
  } catch (error) {
    ending.resolve(!signal.aborted && agree(attempts) ? "fine" : "nothing");
    throw error;
  }
}

type ServedBy = Served & { readonly sfu: Sfu };

function onlyAssigned(candidates: Candidates): Candidates {
  const next = (): Candidate | null => {
    const candidate = candidates.next();
    return candidate?.isAssigned === true ? candidate : null;
  };
  return { left: () => 1, next, beingTried: () => [], shortage: () => candidates.shortage() };
}

/** The share of the budget that is spent on waiting for another gateway's attempts, at the most. */
const PATIENCE = 0.5;

/** With less a healthy SFU on the other side of the Earth has no chance, and would be blamed. */
const SHORTEST_ATTEMPT_MS = 100;

/** One that is back answers in a few; and whoever waits for others must not keep those waiting who wait for him. */
const TRIALS_MS = 100;

const VERDICTS = { sfu: "fault", request: "fine", nobody: "nothing" } as const;

/** Whether several SFUs answered that the request is the odd one; the word of one alone proves nothing. */
function agree(attempts: readonly AttemptEvent[]): boolean {
  return attempts.filter(({ error }) => judge(error).blame === "unsure").length > 1;
}
