import { parseKey } from "../../../lib/auth/keys.ts";
import { createAvailability } from "../../../lib/balancing/availability.ts";
import { createBalancer } from "../../../lib/balancing/balancer.ts";
import { createRank } from "../../../lib/balancing/rank.ts";
import { createShortlist } from "../../../lib/balancing/shortlist.ts";
import { systemClock } from "../../../lib/clock.ts";
import { loadConfiguration } from "../../../lib/config/load.ts";
import { Events } from "../../../lib/events.ts";
import { createBreakers } from "../../../lib/failover/breakers.ts";
import { createRegistry } from "../../../lib/sfu/registry.ts";
import type { Sfu } from "../../../lib/sfu/sfu.ts";
import { GATEWAY_KEY } from "../../../spec/support/tokens.ts";
import { seeded } from "../../../spec/support/random.ts";
import { spreadOf } from "../statistics.ts";

const RANKINGS = 1000;
const ROUNDS = 5;

/** One ranking of a fleet that has reported, the first candidate taken, in microseconds; `npm run bench:rank` has more. */
export function rankingUs(count: number): number {
  const { config } = loadConfiguration({
    env: { SFU_GATEWAY_KEY: GATEWAY_KEY, SFU_GATEWAY_NODES: '{"sfu": []}' },
    secretsFile: null,
    configFile: null,
  });
  const [clock, random, events] = [systemClock, seeded(1), new Events()];
  const registry = createRegistry(clock, events);
  const breakers = createBreakers(config.breaker, clock, events);
  const { loads, strategy, shortlist: pick } = createBalancer(config, { clock, random, events, registry });
  const availabilityOf = createAvailability({ registry, loads, admits: (sfu) => breakers.admits(sfu) });
  const isAvailable = (sfu: Sfu): boolean => availabilityOf(sfu).kind === "available";
  const rank = createRank({
    fleet: registry,
    availabilityOf,
    mayBeTried: (sfu) => breakers.mayBeTried(sfu),
    strategy,
    shortlist: createShortlist({ clock, fleet: registry, isAvailable, pick }),
  });
  const key = parseKey(GATEWAY_KEY);
  for (let number = 0; number < count; number++) {
    const address = `http://sfu${String(number)}.example.com:8070`;
    const entry = { source: "static", region: null, publicUrl: null, weight: 1, maxSessions: 1000 } as const;
    const sfu = { ...entry, address, key, statsToken: null };
    registry.put(sfu);
    registry.setHealth(sfu, { state: "healthy", sinceMs: clock.now() });
    const sessions = Math.floor(random() * 900);
    const report = { sessions, channels: Math.ceil(sessions / 6), cpu: null, memory: null };
    registry.setReport(sfu, { ...report, atMs: clock.monotonic() });
  }
  const times = Array.from({ length: ROUNDS }, () => {
    const startedMs = clock.monotonic();
    for (let turn = 0; turn < RANKINGS; turn++) rank({ region: null, place: null }, null).next();
    return ((clock.monotonic() - startedMs) * 1000) / RANKINGS;
  });
  breakers.close();
  return spreadOf(times)?.median ?? NaN;
}
