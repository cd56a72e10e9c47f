import { z } from "zod";
import { type Answer, count, sfuAddress } from "./answer.ts";

export const heartbeatTaken = z
  .object({
    result: z.literal("ok"),
    ttlMs: z.int().min(1).meta({
      description: "How long the gateway believes in the SFU without another heartbeat, in milliseconds.",
    }),
    draining: z.boolean().meta({ description: "Whether somebody is draining it." }),
  })
  .meta({ description: "The heartbeat or sign-off was taken." });

export const drainReport = z
  .object({
    address: sfuAddress,
    draining: z.boolean().meta({ description: "Whether it is drained now." }),
    changed: z.boolean().meta({ description: "Whether it was otherwise before." }),
    durable: z.boolean().meta({ description: "Whether it will still be so when this process has ended." }),
    sessions: count.nullable().meta({
      description: "Its participants by its last report; null where it has left or has not reported.",
    }),
  })
  .meta({ description: "What has become of the drain." });

export type HeartbeatTaken = Answer<typeof heartbeatTaken>;
export type DrainReport = Answer<typeof drainReport>;
