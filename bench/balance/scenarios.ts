import { MEAN_SIZE } from "./workload.ts";

/** One media server of a scenario's fleet. */
export interface SfuPlan {
  readonly capacity: number;
  readonly region: string | null;
  /** In the fleet from then on; 0 for those that are there from the beginning. */
  readonly joinsMs: number;
  /** When it dies, and when it is back, empty. */
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number }[];
  /** Whether it tells its load. */
  readonly reports: boolean;
}

/** Conferences that begin at random moments of a time. */
export interface Arrivals {
  readonly fromMs: number;
  readonly toMs: number;
  readonly perMinute: number;
}

export interface Scenario {
  readonly name: string;
  readonly fleet: readonly SfuPlan[];
  readonly arrivals: readonly Arrivals[];
  /** How long it takes until nine of ten members have joined, on average. */
  readonly fillingMs: number;
  /** When measuring begins: what is before fills the fleet. */
  readonly measuredFromMs: number;
  readonly endMs: number;
  /** How many gateways share the calls, unaware of one another. */
  readonly gateways: number;
  /** Whether reports tell cpu and memory beside the sessions. */
  readonly tellsHost: boolean;
  /** Half of the conferences name one of these; empty where none names any. */
  readonly regions: readonly string[];
  /** Runs for each of the seeds that were asked for: small fleets cost less. */
  readonly runs: number;
  /** Whether it is left out where half a minute has to do. */
  readonly isLong: boolean;
}

const MINUTE_MS = 60_000;
const CAPACITIES = [200, 500, 1000];
const REGIONS = ["eu-central-1", "us-east-1", "ap-southeast-1"];

const FAST_MS = 20_000;
const USUAL_MS = 90_000;
const SLOW_MS = 5 * MINUTE_MS;

function fleetOf(count: number, change: (plan: SfuPlan, index: number) => Partial<SfuPlan> = () => ({})): SfuPlan[] {
  return Array.from({ length: count }, (_, index) => {
    const plan = {
      capacity: CAPACITIES[index % CAPACITIES.length] ?? 0,
      region: null,
      joinsMs: 0,
      outages: [],
      reports: true,
    };
    return { ...plan, ...change(plan, index) };
  });
}

/** One of each size in each region, as far as they go round. */
function inRegions(_: SfuPlan, index: number): Partial<SfuPlan> {
  return { region: REGIONS[Math.floor(index / CAPACITIES.length) % REGIONS.length] ?? null };
}

function capacityOf(fleet: readonly SfuPlan[]): number {
  return fleet.reduce((sum, { capacity }) => sum + capacity, 0);
}

/** When the morning's peak begins: until then there is the night's load. */
const PEAK_MS = 30 * MINUTE_MS;
/** The mean duration of a conference in minutes (the median, 30, times e to the half of the variance). */
const MEAN_DURATION_MIN = 38;

/** Conferences a minute that keep a share of the capacity busy. */
function sustaining(share: number, fleet: readonly SfuPlan[]): number {
  return (share * capacityOf(fleet)) / MEAN_SIZE / MEAN_DURATION_MIN;
}

type Shape = Pick<Scenario, "arrivals" | "measuredFromMs" | "endMs">;

/** A fifth of the capacity by night, then 200 conferences a minute until `share` is reached, and half of it after. */
function morning(fleet: readonly SfuPlan[], share: number, perMinute = 200): Shape {
  const minutes = ((share - 0.2) * capacityOf(fleet)) / MEAN_SIZE / perMinute;
  const peakEndMs = PEAK_MS + minutes * MINUTE_MS;
  const endMs = peakEndMs + 20 * MINUTE_MS;
  return {
    arrivals: [
      { fromMs: 0, toMs: PEAK_MS, perMinute: 1.3 * sustaining(0.2, fleet) },
      { fromMs: PEAK_MS, toMs: peakEndMs, perMinute },
      { fromMs: peakEndMs, toMs: endMs, perMinute: sustaining(share / 2, fleet) },
    ],
    measuredFromMs: PEAK_MS - 5 * MINUTE_MS,
    endMs,
  };
}

/** The same load for an hour. */
function steady(fleet: readonly SfuPlan[], share: number): Shape {
  return {
    // Longer than most conferences: by then as many end as begin.
    arrivals: [{ fromMs: 0, toMs: 105 * MINUTE_MS, perMinute: sustaining(share, fleet) }],
    measuredFromMs: 60 * MINUTE_MS,
    endMs: 105 * MINUTE_MS,
  };
}

const DEFAULTS = { fillingMs: USUAL_MS, gateways: 1, tellsHost: false, regions: [], runs: 2, isLong: false };

const three = fleetOf(3);
const ten = fleetOf(10);
const hundred = fleetOf(100);
const threeWithDeath = fleetOf(3, (_, index) =>
  index === 1 ? { outages: [{ fromMs: PEAK_MS + 2 * MINUTE_MS, toMs: PEAK_MS + 8 * MINUTE_MS }] } : {},
);
const tenWithChanges = fleetOf(11, (_, index) => {
  if (index === 4) return { outages: [{ fromMs: PEAK_MS + MINUTE_MS, toMs: PEAK_MS + 7 * MINUTE_MS }] };
  if (index === 6) return { outages: [{ fromMs: PEAK_MS + 10 * MINUTE_MS, toMs: PEAK_MS + 12 * MINUTE_MS }] };
  return index === 10 ? { joinsMs: PEAK_MS + MINUTE_MS } : {};
});
const hundredWithChanges = fleetOf(105, (_, index) => {
  if (index % 20 === 7) {
    const fromMs = PEAK_MS + (2 + index / 20) * MINUTE_MS;
    return { outages: [{ fromMs, toMs: fromMs + 6 * MINUTE_MS }] };
  }
  return index >= 100 ? { joinsMs: PEAK_MS + 5 * MINUTE_MS } : {};
});
const tenWithSilence = fleetOf(10, (_, index) => (index === 5 ? { reports: false } : {}));
const tenInRegions = fleetOf(10, inRegions);
const hundredInRegions = fleetOf(100, inRegions);

export const scenarios: readonly Scenario[] = [
  { ...DEFAULTS, name: "3 SFUs, morning peak", fleet: three, ...morning(three, 0.7), runs: 8 },
  { ...DEFAULTS, name: "3 SFUs, steady at 60 %", fleet: three, ...steady(three, 0.6), runs: 8 },
  { ...DEFAULTS, name: "3 SFUs, near capacity", fleet: three, ...steady(three, 0.9), runs: 8 },
  { ...DEFAULTS, name: "3 SFUs, one dies and returns", fleet: threeWithDeath, ...morning(three, 0.5), runs: 8 },
  { ...DEFAULTS, name: "10 SFUs, morning peak", fleet: ten, ...morning(ten, 0.7), runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, peak, filling fast", fleet: ten, ...morning(ten, 0.7), fillingMs: FAST_MS, runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, peak, filling slowly", fleet: ten, ...morning(ten, 0.7), fillingMs: SLOW_MS, runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, cpu and memory told", fleet: ten, ...morning(ten, 0.7), tellsHost: true, runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, near capacity", fleet: ten, ...steady(ten, 0.93), runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, one tells nothing", fleet: tenWithSilence, ...morning(ten, 0.7), runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, two gateways", fleet: ten, ...morning(ten, 0.7), gateways: 2, runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, deaths, a return, a join", fleet: tenWithChanges, ...morning(ten, 0.6), runs: 6 },
  { ...DEFAULTS, name: "10 SFUs, 3 regions", fleet: tenInRegions, ...morning(ten, 0.6), regions: REGIONS, runs: 6 },
  { ...DEFAULTS, name: "100 SFUs, morning peak", fleet: hundred, ...morning(hundred, 0.6, 600) },
  {
    ...DEFAULTS,
    name: "100 SFUs, deaths, returns, joins",
    fleet: hundredWithChanges,
    ...morning(hundred, 0.6, 600),
    isLong: true,
  },
  {
    ...DEFAULTS,
    name: "100 SFUs, 3 regions, cpu and memory",
    fleet: hundredInRegions,
    ...morning(hundred, 0.6, 600),
    isLong: true,
    regions: REGIONS,
    tellsHost: true,
  },
];
