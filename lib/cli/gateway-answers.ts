import { z } from "zod";

/**
 * Text of a gateway on its way to a terminal. An SFU may have registered itself under whatever name: nothing in it
 * shall move the cursor or turn the reading direction.
 */
const shown = z.string().transform((text) => text.replace(/\p{C}/gu, "?"));

const count = z.number().min(0);
const share = z.number().nullable();

const sfuSchema = z.object({
  address: shown,
  region: shown.nullable(),
  available: z.boolean(),
  /** Why it gets no new conferences; null where it does. */
  out: shown.nullable(),
  state: shown,
  /** Goes on after «it». */
  reason: shown.nullable(),
  since: z.iso.datetime(),
  load: z
    .object({
      sessions: count,
      maxSessions: count,
      /** Sessions that will come on top of the report's. */
      expected: count,
      cpu: share,
      memory: share,
    })
    .nullable(),
  score: z.number().nullable(),
  reportAgeMs: count.nullable(),
  draining: z.boolean(),
});

/** What the commands need of `GET /v1/health`. */
export const fleetSchema = z.object({
  available: count,
  total: count,
  /** Of a gateway that is older there is none. */
  store: z.object({ away: z.boolean(), forSeconds: count.nullable(), instances: count }).nullable().default(null),
  sfus: z.array(sfuSchema),
});

/** What the commands need of the answer of `POST /v1/sfu/drain` and `/undrain`. */
export const drainedSchema = z.object({
  changed: z.boolean(),
  durable: z.boolean(),
  sessions: count.nullable(),
});

/** Fits everything that a gateway says; whatever else answers there may say more. */
const sentence = shown.transform((text) => text.slice(0, 300));

/** Every error of a gateway. */
export const refusalSchema = z.object({ error: z.string(), message: sentence, requestId: sentence });

export type FleetState = z.output<typeof fleetSchema>;
export type StoreState = NonNullable<FleetState["store"]>;
export type SfuState = z.output<typeof sfuSchema>;
export type DrainedState = z.output<typeof drainedSchema>;
