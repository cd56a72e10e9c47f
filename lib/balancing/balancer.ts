import { isDeepStrictEqual } from "node:util";
import type { Clock, Random } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Events } from "../events.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Availability, Sfu } from "../sfu/sfu.ts";
import { distances } from "./distances.ts";
import { createExplain, type Explain } from "./explain.ts";
import { createGeo } from "./geo.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createLoads, type Loads } from "./load.ts";
import { LENGTH, type ShortlistTools } from "./shortlist.ts";
import { createSlowStart } from "./slow-start.ts";
import { createAgreedStrategy } from "./strategies/agreed.ts";
import { strategies } from "./strategies/table.ts";
import type { Placement, Strategy, StrategyTools } from "./strategy.ts";

export interface BalancerTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly registry: Registry;
}

/** What puts the fleet in order for each conference, made of its parts. */
export interface Balancer {
  readonly ledger: Ledger;
  readonly loads: Loads;
  /** The one that the configuration names; where all gateways have to agree, see `createAgreedStrategy`. */
  readonly strategy: Strategy;
  /** By the one that the configuration names; null where that has to see all of them each time. */
  readonly shortlist: ShortlistTools["pick"];
  explainWith(availabilityOf: (sfu: Sfu) => Availability): Explain;
}

export function createBalancer(initial: Config, { clock, random, events, registry }: BalancerTools): Balancer {
  const ledger = createLedger(clock, events, registry);
  const loads = createLoads(initial, { clock, events, registry, ledger });
  const slowStart = createSlowStart(clock, random, events);

  let inForce = arrange(initial, { loads, slowStart, random });
  events.on("reconfigured", ({ from, to }) => {
    // A strategy keeps count of whose turn it is.
    if (!isDeepStrictEqual(whatArranges(from), whatArranges(to))) inForce = arrange(to, { loads, slowStart, random });
  });

  return {
    ledger,
    loads,
    strategy: (available, placement) =>
      (placement.agreeOn === undefined ? inForce.strategy : inForce.agreedStrategy)(available, placement),
    shortlist: (available, placement) => inForce.strategyForShortlist?.(available, placement) ?? null,
    explainWith: (availabilityOf) =>
      createExplain({
        fleet: registry,
        availabilityOf,
        loads,
        slowStart,
        placeOf: (sfu) => inForce.placeOf(sfu),
        distancesTo: (placement) => inForce.distancesTo(placement),
        strategy: (available, placement) => inForce.strategyForAll(available, placement),
      }),
  };
}

/** The settings that {@link arrange} goes by. */
function whatArranges({ balancing, failover, regions }: Config): unknown {
  return [balancing.strategy, balancing.weights.distance, failover.maxRetries, regions];
}

/** What follows from the settings alone. */
interface Arrangement {
  readonly placeOf: StrategyTools["placeOf"];
  readonly distancesTo: (placement: Placement) => (sfu: Sfu) => number;
  readonly strategy: Strategy;
  readonly agreedStrategy: Strategy;
  /** Null where the strategy counts whose turn it is. */
  readonly strategyForShortlist: Strategy | null;
  /** The configured one without chance, down to the last one. */
  readonly strategyForAll: Strategy;
}

function arrange(
  { balancing, failover, regions }: Config,
  remembering: Pick<StrategyTools, "loads" | "slowStart" | "random">,
): Arrangement {
  const { strategy: name, weights } = balancing;
  const geo = createGeo(regions);
  const placeOf: StrategyTools["placeOf"] = ({ region }) => (region === null ? null : geo.region(region));
  const byLoad = name === "load";
  // In turn it is the nearest first, whatever the weight.
  const distanceWeight = byLoad ? weights.distance : 1;
  const tools = { ...remembering, placeOf, distanceWeight, depth: failover.maxRetries };
  const nobodyStandsBack = { ...tools, slowStart: { ...tools.slowStart, standsBack: () => false } };
  return {
    placeOf,
    distancesTo: ({ place }) => distances(place, placeOf, distanceWeight),
    strategy: strategies[name](tools),
    agreedStrategy: createAgreedStrategy({ ...tools, byLoad }),
    // Who stands back does so for each conference anew.
    strategyForShortlist: byLoad ? strategies.load({ ...nobodyStandsBack, depth: LENGTH }) : null,
    strategyForAll: (available, placement) =>
      strategies[name]({ ...nobodyStandsBack, random: () => 0, depth: available.length })(available, placement),
  };
}
