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
    return await new Walk(entry, call, attempts, signal, settings, tools).serve();
  } catch (error) {
    void turn?.end(null);
    throw toAnswer(toError(error), attempts.length, signal);
  }
}

/** One call's walk, while nobody else asks for its conference. An object, and no closures: it is made for every call. */
class Walk {
  readonly #turn: Turn;
  readonly #call: Call;
  readonly #attempts: AttemptEvent[];
  readonly #signal: AbortSignal;
  readonly #settings: Config["failover"];
  readonly #tools: FailoverTools;
  #candidates: Candidates;
  #trialsUntilMs: number | null = null;
  /** What an answer that is not a channel turns out to mean once the chain has ended. */
  readonly #ending = Promise.withResolvers<Verdict>();

  constructor(
    turn: Turn,
    call: Call,
    attempts: AttemptEvent[],
    signal: AbortSignal,
    settings: Config["failover"],
    tools: FailoverTools,
  ) {
    this.#turn = turn;
    this.#call = call;
    this.#attempts = attempts;
    this.#signal = signal;
    this.#settings = settings;
    this.#tools = tools;
    this.#candidates = this.#rank(turn.home);
  }

  /** The first candidate that serves, by p-retry. */
  async serve(): Promise<Served> {
    try {
      const served = await pRetry(() => this.#attempt(), {
        // p-retry counts what comes after the first.
        retries: this.#settings.maxRetries - 1,
        minTimeout: 0,
        maxTimeout: 0,
        signal: this.#signal,
        shouldRetry: ({ error }) => judge(error).then === "next",
      });
      this.#ending.resolve("fault");
      const recorded = this.#record(served);
      const home = recorded instanceof Promise ? await recorded : recorded;
      return home === null || home === served.sfu.address ? served : ((await this.#serveAt(home)) ?? served);
    } catch (error) {
      this.#ending.resolve(!this.#signal.aborted && agree(this.#attempts) ? "fine" : "nothing");
      throw error;
    }
  }

  #rank(home: string | null): Candidates {
    const { placement, conference } = this.#call;
    return this.#tools.rank(this.#turn.isShared ? placement : { ...placement, agreeOn: conference }, home);
  }

  async #attempt(): Promise<ServedBy> {
    const timeoutMs = this.#fairShareMs();
    const candidate = timeoutMs > 0 ? this.#candidates.next() : null;
    if (candidate === null) {
      if (await this.#trialEnds()) return this.#attempt();
      throw new NobodyLeftError(this.#candidates.shortage());
    }
    const { sfu, isLastResort: asLastResort } = candidate;
    try {
      return await this.#tools.breakers.run(sfu, () => this.#ask(candidate, timeoutMs), {
        verdictOf: (error) => this.#verdictOn(sfu, error, timeoutMs),
        asLastResort,
      });
    } catch (error) {
      // Nobody was asked, so it was no attempt.
      if (error instanceof BreakerOpenError) return this.#attempt();
      throw error;
    }
  }

  /**
   * Where the last SFU that was in has just failed this call, and another call is finding out at this moment whether the
   * others are back: waits a little for what it finds.
   *
   * @returns whether there may be a candidate now
   */
  async #trialEnds(): Promise<boolean> {
    const { clock, breakers } = this.#tools;
    const tried = this.#attempts.length === 0 ? [] : this.#candidates.beingTried();
    if (tried.length === 0) return false;
    const nowMs = clock.monotonic();
    this.#trialsUntilMs ??= Math.min(this.#call.deadlineMs, nowMs + TRIALS_MS);
    const timeoutMs = Math.floor(this.#trialsUntilMs - nowMs);
    if (timeoutMs <= 0) return false;
    const onTimeout = (): Error => new NobodyLeftError("none");
    return withDeadline({ clock, timeoutMs, signal: this.#signal, onTimeout }, () =>
      Promise.race(tried.map((sfu) => breakers.tried(sfu))),
    ).then(
      () => true,
      () => false,
    );
  }

  /** What is left of the budget, divided among the attempts that can still be made. */
  #fairShareMs(): number {
    const leftMs = this.#leftMs();
    const toCome = Math.max(1, this.#candidates.left(this.#settings.maxRetries - this.#attempts.length));
    const share = Math.max(Math.floor(leftMs / toCome), Math.min(leftMs, SHORTEST_ATTEMPT_MS));
    return Math.min(this.#settings.attemptTimeoutMs, share);
  }

  /** Of the budget; negative where it is used up. */
  #leftMs(): number {
    return Math.floor(this.#call.deadlineMs - this.#tools.clock.monotonic());
  }

  async #ask({ sfu, isAssigned }: Candidate, timeoutMs: number): Promise<ServedBy> {
    const { clock, events, ledger, client } = this.#tools;
    const previous = this.#attempts.at(-1);
    if (previous !== undefined) events.emit("failover", { from: previous });
    // Before the answer: of many that are asked for at once, each has to see the others.
    const takeBack = isAssigned ? null : ledger.claim(sfu);
    const startedMs = clock.monotonic();
    try {
      const channel = await client.join(sfu, this.#call.join, { timeoutMs, signal: this.#signal });
      this.#ended(sfu, startedMs, null);
      return { channel, sfu };
    } catch (error) {
      takeBack?.();
      if (error instanceof SfuError) this.#ended(sfu, startedMs, error);
      throw error;
    }
  }

  #ended(sfu: Sfu, startedMs: number, error: SfuError | null): void {
    const { clock, events } = this.#tools;
    const { requestId } = this.#call.join;
    const ended = { requestId, sfu, durationMs: clock.monotonic() - startedMs, error };
    this.#attempts.push(ended);
    events.emit("attempt", ended);
  }

  async #verdictOn(sfu: Sfu, error: Error, timeoutMs: number): Promise<Verdict> {
    const { clock, events, lagSince = () => 0 } = this.#tools;
    const tookMs = this.#attempts.find((ended) => ended.error === error)?.durationMs ?? 0;
    const { blame } = judge(error, tookMs, timeoutMs, lagSince(clock.monotonic() - tookMs));
    const verdict = blame === "unsure" ? await this.#ending.promise : VERDICTS[blame];
    if (verdict === "fault") events.emit("fault", { sfu, error });
    return verdict;
  }

  /** What is not on record when the caller gives up goes on there without him. @returns null then */
  #record({ sfu, channel }: ServedBy): string | null | Promise<string | null> {
    const { clock, affinity } = this.#tools;
    const recorded = this.#turn.end({ address: sfu.address, channel, ttlMs: affinity.ttlMs });
    if (!(recorded instanceof Promise)) return recorded;
    return inTime({ clock, timeoutMs: Math.max(0, this.#leftMs()) }, recorded);
  }

  /**
   * The other gateways took this one for dead, and one of them has placed the conference elsewhere. Its members are there;
   * the channel that was made here empties by itself.
   */
  async #serveAt(home: string): Promise<Served | null> {
    this.#candidates = onlyAssigned(this.#rank(home));
    return this.#attempt().catch(() => null);
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
