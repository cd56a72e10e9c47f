import type { Config } from "../../config/config.ts";
import type { Strategy, StrategyTools } from "../strategy.ts";
import { createLoadStrategy } from "./load.ts";
import { createRoundRobin } from "./round-robin.ts";

export type StrategyName = Config["balancing"]["strategy"];

/** Every strategy that the configuration may name. */
export const strategies = {
  load: createLoadStrategy,
  "round-robin": createRoundRobin,
} as const satisfies Record<StrategyName, (tools: StrategyTools) => Strategy>;
