import { type Balancer, createBalancer } from "../../lib/balancing/balancer.ts";
import { createGeo } from "../../lib/balancing/geo.ts";
import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Clock, Random } from "../../lib/clock.ts";
import type { Config } from "../../lib/config/config.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { Events } from "../../lib/events.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Report } from "../../lib/sfu/report.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { seeded } from "../support/random.ts";
import { GATEWAY_KEY } from "../support/tokens.ts";

export const geo = createGeo({});

export const NOWHERE: Placement = { region: null, place: null };

/** Where a request with this `region` wants to be. */
export const inRegion = (region: string): Placement => ({ region, place: geo.region(region) });

/** Where a request with this `country` wants to be. */
export const inCountry = (country: string): Placement => ({ region: null, place: geo.country(country) });

const { config: defaults } = loadConfiguration({
  env: { SFU_GATEWAY_KEY: GATEWAY_KEY, SFU_GATEWAY_NODES: '{"sfu":[]}' },
  secretsFile: null,
  configFile: null,
});

export interface Settings {
  readonly strategy?: Config["balancing"]["strategy"];
  readonly weights?: Partial<Config["balancing"]["weights"]>;
  readonly overload?: Partial<Config["overload"]>;
  readonly health?: Partial<Config["health"]>;
  readonly registration?: Partial<Config["registration"]>;
  /** How many an SFU is chosen from: all of a spec's, unless it says otherwise. */
  readonly maxRetries?: number;
}

/** The defaults, but for what the spec sets. */
export function configOf({ strategy, weights, overload, health, registration, maxRetries }: Settings = {}): Config {
  const { balancing } = defaults;
  return {
    ...defaults,
    balancing: {
      ...balancing,
      strategy: strategy ?? balancing.strategy,
      weights: { ...balancing.weights, ...weights },
    },
    failover: { ...defaults.failover, maxRetries: maxRetries ?? 100 },
    overload: { ...defaults.overload, ...overload },
    health: { ...defaults.health, ...health },
    registration: { ...defaults.registration, ...registration },
  };
}

/** A balancer, and the fleet that it puts in order. */
export interface Desk extends Balancer {
  readonly events: Events;
  readonly registry: Registry;
  /** Takes in what an SFU tells of itself at this moment; an empty one, unless told otherwise. */
  readonly report: (sfu: Sfu, parts?: Partial<Report>) => void;
}

export function openDesk(
  clock: Clock,
  fleet: readonly Sfu[] = [],
  settings: Settings = {},
  random: Random = seeded(1),
): Desk {
  const events = new Events();
  const registry = createRegistry(clock, events);
  const balancer = createBalancer(configOf(settings), { clock, random, events, registry });
  for (const sfu of fleet) registry.put(sfu);
  return {
    ...balancer,
    events,
    registry,
    report: (sfu, parts = {}) =>
      registry.setReport(sfu, {
        sessions: 0,
        channels: 0,
        cpu: null,
        memory: null,
        atMs: clock.monotonic(),
        ...parts,
      }),
  };
}

/** The number in an SFU's address, `-` for nobody. */
export const nameOf = (sfu: Sfu | undefined): string => /\d+/.exec(sfu?.address ?? "")?.[0] ?? "-";

export const namesOf = (sfus: readonly Sfu[]): string => sfus.map(nameOf).join("");

/** How often each of them is there. */
export function count(names: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
