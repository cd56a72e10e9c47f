import { z } from "zod";
import { type Answer, count, sfuAddress } from "./answer.ts";
import { fleetReport } from "./fleet.ts";

const ms = z.number().min(0);

const attempt = z.object({
  sfu: sfuAddress,
  failure: z.string().nullable().meta({ description: "What went wrong, in a word; null where it served the call." }),
  message: z.string().nullable().meta({ description: "The same in words. Goes on after «it»." }),
  ms: ms.meta({ description: "How long it took, in milliseconds." }),
});

/** Names no conference and no caller. */
export const failoverReport = z
  .object({
    id: z.string().meta({ description: "Tells it from the others." }),
    at: z.iso.datetime().meta({ description: "When the call was answered, or given up." }),
    outcome: z.string().meta({ description: "`ok` where another SFU served it, else the error's code." }),
    ms: ms.meta({ description: "How long the caller waited, in milliseconds." }),
    attempts: z.array(attempt).meta({ description: "In the order in which the SFUs were asked." }),
    servedBy: sfuAddress.nullable(),
  })
  .meta({ description: "One call that an SFU failed." });

export const dashboardReport = z
  .object({
    now: z.iso.datetime().meta({ description: "The gateway's clock." }),
    gateway: z.object({
      version: z.string(),
      startedAt: z.iso.datetime(),
    }),
    fleet: fleetReport,
    failovers: z.array(failoverReport).meta({ description: "The last ones, newest first." }),
    maxFailovers: count.meta({ description: "How many are remembered." }),
  })
  .meta({ description: "What the dashboard shows." });

export type FailoverReport = Answer<typeof failoverReport>;
export type DashboardReport = Answer<typeof dashboardReport>;
