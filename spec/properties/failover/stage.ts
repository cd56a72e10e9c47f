import fc from "fast-check";
import { createAffinity } from "../../../lib/balancing/affinity.ts";
import type { Ledger } from "../../../lib/balancing/ledger.ts";
import { createRank } from "../../../lib/balancing/rank.ts";
import { type Clock, sleep, withDeadline } from "../../../lib/clock.ts";
import type { Config } from "../../../lib/config/config.ts";
import { SFU_FAILURES, SfuError } from "../../../lib/errors.ts";
import { Events } from "../../../lib/events.ts";
import { type Breakers, createBreakers } from "../../../lib/failover/breakers.ts";
import { type Chain, createFailover } from "../../../lib/failover/pipeline.ts";
import type { AttemptBounds, SfuClient } from "../../../lib/sfu/client.ts";
import { availability, type Sfu } from "../../../lib/sfu/sfu.ts";
import { createMemoryStore } from "../../../lib/store/memory.ts";
import type { Store } from "../../../lib/store/store.ts";
import { sfuOf } from "../../support/fleet.ts";
import type { Behaviour } from "./model-failover.ts";

/** Every way to fail that the client knows, with every status that goes with it. */
const errors = SFU_FAILURES.filter((failure) => failure !== "aborted").flatMap((failure) => {
  if (failure === "status_4xx")
    return [400, 404, 409, 413, 429].map((status) => new SfuError(failure, "failed", status));
  if (failure === "status_5xx")
    return [500, 501, 502, 503, 504].map((status) => new SfuError(failure, "failed", status));
  return [new SfuError(failure, "failed", failure === "unauthorized" ? 401 : null)];
});

const WELL: Behaviour = { afterMs: 3, error: null };
export const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constant(WELL),
  fc.record({ afterMs: fc.nat(3000), error: fc.constant(null) }),
  fc.constant({ afterMs: Infinity, error: null }),
  fc.record({ afterMs: fc.oneof(fc.nat(3), fc.nat(1500)), error: fc.constantFrom(...errors) }),
);

export interface StageSettings {
  readonly failover: Config["failover"];
  readonly breaker: Config["breaker"];
}

export const settings: fc.Arbitrary<StageSettings> = fc.record({
  failover: fc.record({
    maxRetries: fc.integer({ min: 1, max: 8 }),
    retryTimeoutMs: fc.oneof(fc.constant(2500), fc.integer({ min: 10, max: 5000 })),
    attemptTimeoutMs: fc.oneof(fc.constant(1000), fc.integer({ min: 10, max: 5000 })),
  }),
  breaker: fc.record({
    errorThresholdPercent: fc.integer({ min: 1, max: 100 }),
    minimumRequests: fc.integer({ min: 1, max: 5 }),
    windowMs: fc.constantFrom(3000, 10_000),
    resetTimeoutMs: fc.constantFrom(50, 3000),
  }),
});

/** One attempt as the SFU sees it. */
export interface Asked {
  readonly sfu: number;
  readonly timeoutMs: number;
  /** Whether it would have served this one in time. */
  readonly wouldServe: boolean;
}

/** The failover of the gateway over SFUs that do as they are told. */
export interface Stage {
  readonly sfus: readonly Sfu[];
  readonly breakers: Breakers;
  /** How an SFU behaves from now on, and whether it is full. */
  readonly behaviours: Behaviour[];
  readonly full: Set<number>;
  /** Conferences that have been counted and not been taken back, by SFU. */
  readonly claims: number[];
  begin(conference: string, signal: AbortSignal): { readonly chain: Chain; readonly asked: readonly Asked[] };
  close(): void;
}

export const AFFINITY_TTL_MS = 5000;

export interface Beside {
  /** What this gateway shares with others; nothing unless it says so. */
  readonly store?: Store;
  /** Called when an SFU is asked for a conference; what it returns, when that has ended. */
  readonly onAsk?: (sfu: Sfu, conference: string) => () => void;
}

export function setStage(
  clock: Clock,
  count: number,
  { failover: limits, breaker }: StageSettings,
  { store = createMemoryStore(clock), onAsk = () => () => undefined }: Beside = {},
): Stage {
  const sfus = Array.from({ length: count }, (_, index) => sfuOf(index));
  const events = new Events();
  const breakers = createBreakers(breaker, clock, events);
  const behaviours = sfus.map(() => WELL);
  const full = new Set<number>();
  const claims = sfus.map(() => 0);
  const ledger: Partial<Ledger> = {
    claim(sfu) {
      claims[sfus.indexOf(sfu)]!++;
      return () => claims[sfus.indexOf(sfu)]!--;
    },
  };
  const affinity = createAffinity(AFFINITY_TTL_MS, store);
  const rank = createRank({
    fleet: { all: () => sfus, get: (address) => sfus.find((sfu) => sfu.address === address) ?? null },
    availabilityOf: (sfu) =>
      availability({
        health: { state: "healthy", sinceMs: 0 },
        admits: breakers.admits(sfu),
        isDraining: false,
        overload: full.has(sfus.indexOf(sfu)) ? "is overloaded" : null,
      }),
    mayBeTried: (sfu) => breakers.mayBeTried(sfu),
    strategy: (available) => available,
  });

  const join =
    (asked: Asked[], conference: string) =>
    (sfu: Sfu, _: unknown, { timeoutMs, signal }: AttemptBounds) => {
      const index = sfus.indexOf(sfu);
      const { afterMs, error } = behaviours[index]!;
      asked.push({ sfu: index, timeoutMs, wouldServe: error === null && afterMs < timeoutMs });
      const onTimeout = (): SfuError => new SfuError("timeout", "did not answer");
      const onEnd = onAsk(sfu, conference);
      return withDeadline({ clock, timeoutMs, signal, onTimeout }, async (deadline) => {
        if (afterMs > 0) await sleep(clock, Math.min(afterMs, 1e9), deadline);
        if (error !== null) throw error;
        return { uuid: `uuid ${String(index)}`, url: sfu.address };
      })
        .finally(onEnd)
        .catch((thrown: unknown) => {
          // As the client does.
          throw signal?.aborted === true ? new SfuError("aborted", "was given up") : thrown;
        });
    };

  return {
    sfus,
    breakers,
    behaviours,
    full,
    claims,
    begin(conference, signal) {
      const asked: Asked[] = [];
      const client = { join: join(asked, conference) } as Partial<SfuClient> as SfuClient;
      const registry = { get: (address: string) => sfus.find((sfu) => sfu.address === address) ?? null };
      const tools = { clock, events, registry, rank, affinity, ledger: ledger as Ledger, breakers, client };
      const call = {
        conference,
        placement: { region: null, place: null },
        join: { payload: Buffer.from("{}"), query: "", callerAddress: "203.0.113.9", requestId: "r1" },
        deadlineMs: clock.monotonic() + limits.retryTimeoutMs,
      };
      return { chain: createFailover(limits, tools)(call, signal), asked };
    },
    close: () => breakers.close(),
  };
}
