import { parseArgs } from "node:util";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { parseKey } from "../lib/auth/keys.ts";
import { createAvailability } from "../lib/balancing/availability.ts";
import { createBalancer } from "../lib/balancing/balancer.ts";
import { createGeo } from "../lib/balancing/geo.ts";
import { createRank, type Rank } from "../lib/balancing/rank.ts";
import { createShortlist } from "../lib/balancing/shortlist.ts";
import type { StrategyName } from "../lib/balancing/strategies/table.ts";
import type { Placement } from "../lib/balancing/strategy.ts";
import { type Random, systemClock } from "../lib/clock.ts";
import { loadConfiguration } from "../lib/config/load.ts";
import { Events } from "../lib/events.ts";
import { createBreakers } from "../lib/failover/breakers.ts";
import { createRegistry } from "../lib/sfu/registry.ts";
import type { Sfu } from "../lib/sfu/sfu.ts";
import { seeded } from "../spec/support/random.ts";

/*
 * How long does a request wait for its ranking? Ranks with the gateway's own registry, breakers, loads and strategies, in
 * fleets of 10 to 10,000 SFUs that report and take conferences meanwhile. Exits with 1 where a median is over its bound.
 * What counts is the processor's time in the quietest tenth of the run: a ranking waits for nothing, and what else the
 * machine does, and to its caches, is not its fault.
 *
 *   npm run bench:rank -- --requests 2000
 */
const TENTHS = 10;
const { values } = parseArgs({
  options: { requests: { type: "string", default: "500" }, json: { type: "boolean", default: false } },
});
const REQUESTS = Number(values.requests);
if (!Number.isSafeInteger(REQUESTS) || REQUESTS < TENTHS)
  throw new Error("expected a whole number from 10 for --requests");
const WARM_UP_REQUESTS = 200;
const FLEETS = [10, 100, 1000, 10_000];
/** The median of any request, in milliseconds, by the size of the fleet. */
const BOUNDS_MS = new Map([
  [1000, 1],
  [10_000, 5],
]);
const REGIONS = ["eu-west-3", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-1", "sa-east-1", "cloud-nine"];
/** The share of SFUs that do not tell their load, so that the average is needed. */
const SILENT = 0.01;
/** So much of the fleet is full, down or drained. */
const OUT = 0.05;

const keyText = Buffer.alloc(32, "bench").toString("base64");
const { config: defaults } = loadConfiguration({
  env: { SFU_GATEWAY_KEY: keyText, SFU_GATEWAY_NODES: '{"sfu": []}' },
  secretsFile: null,
  configFile: null,
});

interface Bench {
  readonly rank: Rank;
  readonly placements: Readonly<Record<string, Placement>>;
  /** What happens between two requests: a conference is placed, and everybody reports as often as it does. */
  readonly goOn: () => void;
  readonly close: () => void;
}

async function open(count: number, strategy: StrategyName, random: Random): Promise<Bench> {
  const clock = systemClock;
  const config = { ...defaults, balancing: { ...defaults.balancing, strategy } };
  const events = new Events();
  const geo = createGeo(config.regions);
  const registry = createRegistry(clock, events);
  const breakers = createBreakers(config.breaker, clock, events);
  const balancer = createBalancer(config, { clock, random, events, registry });
  const { ledger, loads } = balancer;
  const availabilityOf = createAvailability({ registry, loads, admits: (sfu) => breakers.admits(sfu) });
  const isAvailable = (sfu: Sfu): boolean => availabilityOf(sfu).kind === "available";
  const rank = createRank({
    fleet: registry,
    availabilityOf,
    mayBeTried: (sfu) => breakers.mayBeTried(sfu),
    strategy: balancer.strategy,
    shortlist: createShortlist({ clock, fleet: registry, isAvailable, pick: balancer.shortlist }),
  });

  const sfus = Array.from({ length: count }, (_, index): Sfu => toSfu(index, random));
  const report = (sfu: Sfu): void => {
    const sessions = Math.floor(random() * sfu.maxSessions * 0.9);
    registry.setReport(sfu, {
      sessions,
      channels: Math.ceil(sessions / 6),
      cpu: random() * 0.9,
      memory: random() * 0.9,
      atMs: clock.monotonic(),
    });
  };
  const telling = sfus.filter(() => random() >= SILENT);
  sfus.forEach((sfu) => registry.put(sfu));
  for (const sfu of sfus) {
    const state = random() < OUT ? { state: "down" as const, reason: "bench" } : { state: "healthy" as const };
    registry.setHealth(sfu, { ...state, sinceMs: clock.now() });
    if (random() < OUT) registry.setDraining(sfu, true);
    // Each has been called, so each has a breaker.
    await breakers.run(sfu, () => Promise.resolve(), { verdictOf: () => "fine" });
  }
  telling.forEach(report);
  const claim = (): void => {
    const sfu = sfus[Math.floor(random() * count)];
    if (sfu !== undefined) ledger.claim(sfu);
  };
  for (let index = 0; index < count / 2; index++) claim();

  const startedMs = clock.monotonic();
  let reported = 0;

  return {
    rank,
    placements: {
      nowhere: { region: null, place: null },
      region: { region: "eu-west-3", place: geo.region("eu-west-3") },
      country: { region: null, place: geo.country("BR") },
    },
    goOn() {
      claim();
      const due = 1 + (telling.length * (clock.monotonic() - startedMs)) / config.health.statsIntervalMs;
      for (; reported < due; reported++) {
        const sfu = telling[reported % telling.length];
        if (sfu !== undefined) report(sfu);
      }
    },
    close: () => breakers.close(),
  };
}

function toSfu(index: number, random: Random): Sfu {
  return {
    address: `http://10.${String(index >> 16)}.${String((index >> 8) & 255)}.${String(index & 255)}:8070`,
    region: REGIONS[index % REGIONS.length] ?? null,
    source: "static",
    publicUrl: null,
    weight: 1 + Math.floor(random() * 3),
    maxSessions: [200, 500, 1000][index % 3] ?? 1000,
    key: parseKey(keyText),
    statsToken: null,
  };
}

interface Timing {
  readonly sfus: number;
  readonly strategy: StrategyName;
  readonly placement: string;
  /** How many candidates were taken from the ranking. */
  readonly taken: number;
  /** Processor time, in the quietest tenth. */
  readonly medianMs: number;
  /** By the clock, in all of the run. */
  readonly medianClockMs: number;
  readonly p99ClockMs: number;
}

function measure(bench: Bench, placement: Placement, taken: number): Pick<Timing, `${string}Ms` & keyof Timing> {
  const busyMs: number[] = [];
  const clockMs: number[] = [];
  for (let request = -WARM_UP_REQUESTS; request < REQUESTS; request++) {
    bench.goOn();
    const startMs = systemClock.monotonic();
    const start = process.cpuUsage();
    const candidates = bench.rank(placement, null);
    for (let index = 0; index < taken; index++) candidates.next();
    const { user, system } = process.cpuUsage(start);
    if (request < 0) continue;
    clockMs.push(systemClock.monotonic() - startMs);
    busyMs.push((user + system) / 1000);
  }
  const size = Math.floor(REQUESTS / TENTHS);
  const medians = Array.from({ length: TENTHS }, (_, tenth) =>
    quantile(busyMs.slice(tenth * size, (tenth + 1) * size), 0.5),
  );
  return {
    medianMs: Math.min(...medians),
    medianClockMs: quantile(clockMs, 0.5),
    p99ClockMs: quantile(clockMs, 0.99),
  };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;
}

/** A fleet in a thread of its own: in the gateway, too, there is one, and V8 knows how to make use of that. */
interface Task {
  readonly sfus: number;
  readonly strategy: StrategyName;
}

async function timeFleet({ sfus, strategy }: Task): Promise<Timing[]> {
  const bench = await open(sfus, strategy, seeded(sfus));
  // Else the first figure would be that of the compiler.
  for (const placement of Object.values(bench.placements)) measure(bench, placement, 1);
  const timings = Object.entries(bench.placements).flatMap(([name, placement]) =>
    [1, 3].map((taken) => ({ sfus, strategy, placement: name, taken, ...measure(bench, placement, taken) })),
  );
  bench.close();
  return timings;
}

function inThread(task: Task): Promise<Timing[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task, argv: process.argv.slice(2) });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function show({ sfus, strategy, placement, taken, medianMs, medianClockMs, p99ClockMs }: Timing): string {
  const cells = [String(sfus).padStart(6), strategy.padEnd(11), placement.padEnd(8), String(taken).padStart(10)];
  const times = [medianMs, medianClockMs, p99ClockMs].map((ms) => ms.toFixed(3));
  return [...cells, ...times.map((text) => text.padStart(9))].join("  ");
}

async function main(): Promise<void> {
  const print = (line: string): void => {
    if (!values.json) process.stdout.write(`${line}\n`);
  };
  const timings: Timing[] = [];
  print("  SFUs  strategy     asks for  candidates  median ms  by clock        p99");
  for (const sfus of FLEETS) {
    for (const strategy of ["load", "round-robin"] as const) {
      const its = await inThread({ sfus, strategy });
      its.forEach((timing) => print(show(timing)));
      timings.push(...its);
    }
  }
  const slow = timings.filter(({ sfus, medianMs }) => medianMs > (BOUNDS_MS.get(sfus) ?? Infinity));
  for (const { sfus, strategy, placement, medianMs } of slow) {
    const bound = String(BOUNDS_MS.get(sfus));
    print(
      `TOO SLOW  ${String(sfus)} SFUs, ${strategy}, ${placement}: ${medianMs.toFixed(3)} ms, of at most ${bound} ms`,
    );
  }
  if (slow.length === 0) print("fast enough: under 1 ms a request of 1,000 SFUs, under 5 ms of 10,000, at the median");
  if (values.json) process.stdout.write(`${JSON.stringify({ timings, slow }, null, 2)}\n`);
  process.exitCode = slow.length > 0 ? 1 : 0;
}

if (parentPort === null) await main();
else parentPort.postMessage(await timeFleet(workerData as Task));
