import { z } from "zod";
import type { Availability, BreakerState, Health, Source } from "../sfu/sfu.ts";
import { type Answer, count, regionName, sfuAddress, share, words } from "./answer.ts";

const source = words<Source>(
  {
    static: "the gateway's own files or environment",
    external: "the external list",
    heartbeat: "the SFU has registered itself",
  },
  "Where its entry comes from.",
);

/** Why an SFU takes no new conferences. */
export const outWhy = words<Exclude<Availability, { kind: "available" }>["why"]>(
  {
    down: "its probes fail",
    misconfigured: "it refuses the key that the gateway has for it",
    expired: "it had registered itself and has sent no heartbeat since its time ran out",
    breaker_open: "too many calls have failed there",
    draining: "it keeps its conferences and gets no new ones",
    overloaded: "it is full; it keeps its conferences",
    on_trial: "it has just come back and is proving itself with one call",
  },
  "Why it takes no new conferences; null where it does.",
);

const state = words<Health["state"]>(
  {
    unknown: "nobody has asked it yet",
    healthy: "it answered when it was last asked",
    failing: "the last call or probe failed by its fault",
    down: "several probes in a row failed",
    misconfigured: "it refuses its key",
    expired: "its heartbeats have stopped",
  },
  "What probes, heartbeats and calls have shown.",
);

const breaker = words<BreakerState>(
  {
    closed: "calls go there",
    open: "none does",
    half_open: "one trial decides",
  },
  "Its circuit breaker.",
);

const load = z
  .object({
    sessions: count.meta({ description: "Participants in all its conferences." }),
    channels: count.meta({ description: "Its conferences." }),
    cpu: share
      .nullable()
      .meta({ description: "The share of its host's processors in use; null where it is not told." }),
    memory: share.nullable().meta({ description: "The share of its host's memory in use; null where it is not told." }),
    maxSessions: z.int().min(1).meta({ description: "How many sessions fill it." }),
    expected: z.number().min(0).meta({ description: "Sessions on their way that the report does not show." }),
  })
  .meta({ description: "As it was reported last; null where no report is young enough to be believed." });

/** What is shown of an SFU: never a key. */
export const sfuReport = z
  .object({
    address: sfuAddress,
    region: regionName.nullable(),
    source,
    available: z.boolean().meta({ description: "Whether it takes new conferences." }),
    out: outWhy.nullable(),
    state,
    reason: z
      .string()
      .nullable()
      .meta({
        description: "Why it is in that state, or else why it is out. Goes on after «it».",
        examples: ["refused the connection (ECONNREFUSED)"],
      }),
    since: z.iso.datetime().meta({ description: "Since when it has been in that state." }),
    breaker,
    load: load.nullable(),
    score: z.number().min(0).meta({
      description: "What it is ranked by, without the distance: lower is better, 0 is idle, 1 about full.",
    }),
    reportAgeMs: count.nullable().meta({
      description: "Age of its last report in milliseconds, however old; null where there was none.",
    }),
    draining: z.boolean().meta({ description: "Whether it is being drained." }),
  })
  .meta({ description: "One SFU as the gateway sees it. Never holds a key." });

export const storeReport = z
  .object({
    away: z.boolean().meta({ description: "Whether it cannot be used: each gateway goes on by itself then." }),
    forSeconds: count.nullable().meta({ description: "For how long it has been away; null where it is not." }),
    instances: z.int().min(1).meta({ description: "How many gateways can be reached in it, this one among them." }),
  })
  .meta({ description: "What several gateways share; null where this one keeps everything to itself." });

export const fleetReport = z
  .object({
    status: z.enum(["ok", "unavailable"]).meta({ description: "`ok` while at least one SFU takes new conferences." }),
    available: count.meta({ description: "How many SFUs take new conferences." }),
    total: count.meta({ description: "How many SFUs there are." }),
    store: storeReport.nullable(),
    sfus: z.array(sfuReport),
  })
  .meta({ description: "The fleet at this moment." });

export type SfuReport = Answer<typeof sfuReport>;
export type StoreReport = Answer<typeof storeReport>;
export type FleetReport = Answer<typeof fleetReport>;
