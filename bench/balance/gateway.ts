import { parseKey } from "../../lib/auth/keys.ts";
import { createAvailability } from "../../lib/balancing/availability.ts";
import { createBalancer } from "../../lib/balancing/balancer.ts";
import { createGeo } from "../../lib/balancing/geo.ts";
import type { Ledger } from "../../lib/balancing/ledger.ts";
import { createLoads } from "../../lib/balancing/load.ts";
import { createRank } from "../../lib/balancing/rank.ts";
import { createSlowStart } from "../../lib/balancing/slow-start.ts";
import { strategies, type StrategyName } from "../../lib/balancing/strategies/table.ts";
import type { Config } from "../../lib/config/config.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { Events } from "../../lib/events.ts";
import { createRegistry } from "../../lib/sfu/registry.ts";
import type { Health, Sfu } from "../../lib/sfu/sfu.ts";
import { ORDINARY_SIZE } from "../../lib/sfu/stats.ts";
import type { Policy, PolicyFactory, Reading } from "./policy.ts";
import type { SfuPlan } from "./scenarios.ts";

export interface GatewaySettings {
  readonly strategy: StrategyName;
  /** Whether reports are corrected by what has been placed since. */
  readonly corrects?: boolean;
  /** Whether each SFU's weight is its capacity. */
  readonly weighs?: boolean;
}

const keyText = Buffer.alloc(32, "bench").toString("base64");
const key = parseKey(keyText);
const { config: defaults } = loadConfiguration({
  env: { SFU_GATEWAY_KEY: keyText, SFU_GATEWAY_NODES: '{"sfu": []}' },
  secretsFile: null,
  configFile: null,
});

/** The gateway's own code, put together as `lib/app.ts` does it, with its defaults. */
export function gateway({ strategy: name, corrects = true, weighs = false }: GatewaySettings): PolicyFactory {
  return ({ fleet, clock, random }) => {
    const config: Config = { ...defaults, balancing: { ...defaults.balancing, strategy: name } };
    const events = new Events();
    const geo = createGeo(config.regions);
    const registry = createRegistry(clock, events);
    const balancer = createBalancer(config, { clock, random, events, registry });
    const { ledger } = balancer;
    const raw = corrects ? null : withoutCorrection(ledger);
    const loads = raw === null ? balancer.loads : createLoads(config, { clock, events, registry, ledger: raw });
    const strategy =
      raw === null
        ? balancer.strategy
        : strategies[name]({
            placeOf: ({ region }) => (region === null ? null : geo.region(region)),
            loads,
            slowStart: createSlowStart(clock, random, events),
            random,
            distanceWeight: config.balancing.weights.distance,
            depth: config.failover.maxRetries,
          });
    const rank = createRank({
      fleet: registry,
      availabilityOf: createAvailability({ registry, loads, admits: () => "all" }),
      mayBeTried: () => true,
      strategy,
    });

    const sfus = fleet.map((plan, index) => toSfu(plan, index, weighs));
    const indexOf = new Map(sfus.map((sfu, index) => [sfu, index]));

    return {
      place(placement, ask) {
        const candidates = rank(placement, null);
        for (let attempt = 0; attempt < config.failover.maxRetries; attempt++) {
          const candidate = candidates.next();
          if (candidate === null) return null;
          const cancel = ledger.claim(candidate.sfu);
          const index = indexOf.get(candidate.sfu) ?? NaN;
          if (ask(index)) return index;
          cancel();
        }
        return null;
      },
      onHealth(index, isUp) {
        const sfu = at(sfus, index);
        if (registry.get(sfu.address) === null) registry.put(sfu);
        registry.setHealth(sfu, isUp ? healthy(clock.now()) : down(clock.now()));
      },
      onReading: (index, reading) => registry.setReport(at(sfus, index), toReport(reading)),
      onMember: () => undefined,
    } satisfies Policy;
  };
}

/** It counts all the same: how much of a difference is left to chance depends on what a conference costs. */
function withoutCorrection(ledger: Ledger): Ledger {
  return { ...ledger, expectedSessions: () => 0, placedSinceReport: () => 0 };
}

function toSfu({ capacity, region }: SfuPlan, index: number, weighs: boolean): Sfu {
  return {
    address: `http://sfu${String(index)}.example.com:8070`,
    region,
    source: "static",
    publicUrl: null,
    weight: weighs ? capacity / 1000 : 1,
    maxSessions: capacity,
    key,
    statsToken: null,
  };
}

/** A heartbeat, which tells of the host, or what is read from an unmodified SFU, which tells each conference's size. */
function toReport(reading: Reading): Parameters<ReturnType<typeof createRegistry>["setReport"]>[1] {
  const { sessions, conferences, cpu, memory, atMs } = reading;
  const report = { sessions, channels: conferences.length, cpu, memory, atMs };
  if (cpu !== null) return report;
  return { ...report, ordinarySessions: conferences.reduce((sum, { size }) => sum + Math.min(size, ORDINARY_SIZE), 0) };
}

function healthy(sinceMs: number): Health {
  return { state: "healthy", sinceMs };
}

function down(sinceMs: number): Health {
  return { state: "down", sinceMs, reason: "refused the connection" };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`no SFU ${String(index)}`);
  return item;
}
