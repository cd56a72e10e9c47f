import type { Config } from "../../config/config.ts";
import type { Strategy, StrategyTools } from "../strategy.ts";
import { createRoundRobin } from "./round-robin.ts";

export type StrategyName = Config["balancing"]["strategy"];

/** Every strategy that the configuration may name. */
export const strategies = {
  "round-robin": createRoundRobin,
} as const satisfies Record<StrategyName, (tools: StrategyTools) => Strategy>;
