import { z } from "zod";
import type { Config } from "../config/config.ts";
import { type Answer, count, regionName, sfuAddress, share, words } from "./answer.ts";
import { outWhy } from "./fleet.ts";

const strategy = words<Config["balancing"]["strategy"]>(
  {
    load: "the least loaded first",
    "round-robin": "in turn, by weight",
  },
  "`[balancing] strategy`.",
);

const place = z
  .object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
  .meta({ description: "Where that is, in degrees; null where no place is known." });

const part = z.number().min(0);

/** What a score is made of; lower is better. */
const load = z
  .object({
    sessions: part.nullable().meta({ description: "For its sessions; null where its report does not tell them." }),
    cpu: part.nullable().meta({ description: "For its processors; null where its report does not tell them." }),
    memory: part.nullable().meta({ description: "For its memory; null where its report does not tell it." }),
    assumed: part.nullable().meta({
      description: "What stands in for a report that there is not: the average of the others; else null.",
    }),
    expected: part.meta({ description: "For the sessions on their way that the report does not show." }),
    total: part.meta({ description: "All of it, divided by the SFU's weight." }),
  })
  .meta({ description: "Its load, and what each factor adds to it, weighted: 0 is idle, 1 about full." });

export const standpoint = z
  .object({
    address: sfuAddress,
    region: regionName.nullable(),
    rank: z.int().min(1).nullable().meta({ description: "From 1; null where it would not be asked." }),
    assigned: z.boolean().meta({ description: "Whether the conference is there." }),
    out: outWhy.nullable(),
    reason: z
      .string()
      .nullable()
      .meta({
        description: "The same in words; null where it takes new conferences.",
        examples: ["it is being drained"],
      }),
    weight: z.number().min(0.01).max(100).meta({ description: "Its share of conferences relative to the others." }),
    load,
    distanceKm: z
      .int()
      .min(0)
      .nullable()
      .meta({ description: "Its distance; null where one of the places is unknown." }),
    room: part.meta({ description: "What the conference would add if it became a large one." }),
    distance: part.meta({ description: "What the distance adds, outside of the wanted region." }),
    score: part.meta({ description: "Load, room and distance together: lower is better." }),
    share: share.meta({ description: "What it takes of the conferences it would be given, while it warms up." }),
  })
  .meta({ description: "Why one SFU stands where it stands." });

export const rankingReport = z
  .object({
    strategy,
    region: regionName.nullable().meta({ description: "The region that was asked for." }),
    country: z.string().nullable().meta({ description: "The country that was asked for, upper case." }),
    place: place.nullable(),
    assigned: sfuAddress.nullable().meta({ description: "The SFU that the conference is on; null where on none." }),
    maxRetries: count.meta({ description: "How many of the ranking one request may try." }),
    sfus: z.array(standpoint).meta({ description: "In ranked order, those that would not be asked at its end." }),
  })
  .meta({ description: "The ranking that a request would get now." });

export type RankingReport = Answer<typeof rankingReport>;
export type Standpoint = Answer<typeof standpoint>;
