import { z } from "zod";
import { type Answer, words } from "./answer.ts";

export const alive = z.object({ status: z.literal("ok") }).meta({ description: "The process answers." });

export const noop = z.object({ result: z.literal("ok") }).meta({ description: "As an SFU answers it." });

export const readiness = z
  .object({
    status: words({
      ready: "calls can be served",
      degraded: "calls can be served, and other gateways cannot be reached: each goes on by itself",
      draining: "the gateway is shutting down",
      no_sfu_available: "no SFU takes new conferences",
    }),
  })
  .meta({ description: "Whether a load balancer should send calls here." });

export type ReadinessReport = Answer<typeof readiness>;
export type LivenessReport = Answer<typeof alive> | Answer<typeof noop>;
