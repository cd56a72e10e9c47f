import type { Clock, Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Events } from "../events.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Availability, Sfu } from "../sfu/sfu.ts";
import { distances } from "./distances.ts";
import { createExplain, type Explain } from "./explain.ts";
import type { Geo } from "./geo.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createLoads, type Loads } from "./load.ts";
import { createSlowStart } from "./slow-start.ts";
import { strategies } from "./strategies/table.ts";
import type { Strategy, StrategyTools } from "./strategy.ts";

export interface BalancerTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
  readonly geo: Geo;
}

/** What puts the fleet in order for each conference, made of its parts. */
export interface Balancer {
  readonly ledger: Ledger;
  readonly loads: Loads;
  /** The one that the configuration names. */
  readonly strategy: Strategy;
  explainWith(availabilityOf: (sfu: Sfu) => Availability): Explain;
}

export function createBalancer(config: Config, { clock, random, events, registry, geo }: BalancerTools): Balancer {
  const { strategy: name, weights } = config.balancing;
  const ledger = createLedger(clock, events, registry);
  const loads = createLoads(config, { clock, events, registry, ledger });
  const slowStart = createSlowStart(clock, random, events);
  const placeOf: StrategyTools["placeOf"] = ({ region }) => (region === null ? null : geo.region(region));
  const tools: StrategyTools = {
    placeOf,
    loads,
    slowStart,
    random,
    distanceWeight: weights.distance,
    depth: config.failover.maxRetries,
  };
  const distanceWeight = name === "load" ? weights.distance : 1;
  return {
    ledger,
    loads,
    strategy: strategies[name](tools),
    explainWith: (availabilityOf) =>
      createExplain({
        fleet: registry,
        availabilityOf,
        loads,
        slowStart,
        placeOf,
        distancesTo: ({ place }) => distances(place, placeOf, distanceWeight),
        strategy: (available, placement) =>
          strategies[name]({
            ...tools,
            random: () => 0,
            slowStart: { ...slowStart, standsBack: () => false },
            depth: available.length,
          })(available, placement),
      }),
  };
}
