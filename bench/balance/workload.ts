import type { Random } from "../../lib/clock.ts";
import { seeded } from "../../spec/support/random.ts";
import type { Scenario } from "./scenarios.ts";

/** One participant of a conference; times are of the simulation, in milliseconds. */
export interface Member {
  readonly joinMs: number;
  readonly leaveMs: number;
  /** How long after its SFU's death the browser notices and asks anew. */
  readonly noticeMs: number;
}

export interface Conference {
  readonly name: string;
  /** In the order in which they join: the first one's request places it. */
  readonly members: readonly Member[];
  readonly region: string | null;
  /** Which of the gateways sees it. */
  readonly gateway: number;
}

const MINUTE_MS = 60_000;

/** A conference's size: log-normal for most, and a few large ones, as a Pareto tail from 50 to 300. */
const MEDIAN_SIZE = 3;
const SIZE_SIGMA = 0.95;
const LARGE_SHARE = 0.012;
const LARGE_FROM = 50;
const LARGE_TO = 300;
const LARGE_EXPONENT = 1.2;

/** A conference's duration in minutes: log-normal. */
const MEDIAN_DURATION_MIN = 30;
const DURATION_SIGMA = 0.7;

/** The mean of the sizes above, seen over a million draws; scenarios are laid out by it. */
export const MEAN_SIZE = 5.9;

/**
 * Everything that befalls the gateway from outside and does not depend on where conferences are placed, drawn once for a
 * seed: each policy gets the very same.
 */
export function drawConferences(scenario: Scenario, seed: number): readonly Conference[] {
  const random = seeded(seed);
  const conferences: Conference[] = [];
  for (const { fromMs, toMs, perMinute } of scenario.arrivals) {
    for (let atMs = fromMs; ;) {
      atMs += exponential(random, MINUTE_MS / perMinute);
      if (atMs >= toMs) break;
      conferences.push(drawConference(scenario, atMs, `c${String(conferences.length)}`, random));
    }
  }
  return conferences;
}

function drawConference(scenario: Scenario, startMs: number, name: string, random: Random): Conference {
  const endMs = startMs + MEDIAN_DURATION_MIN * MINUTE_MS * Math.exp(DURATION_SIGMA * normal(random));
  const size = drawSize(random);
  const members = Array.from({ length: size }, (_, index): Member => {
    // Nine of ten have come by the time that the scenario calls its filling.
    const delayMs = index === 0 ? 0 : exponential(random, scenario.fillingMs / Math.LN10);
    // Nearly all leave within the minute in which it ends, some earlier.
    const leaveMs = random() < 0.1 ? startMs + (endMs - startMs) * random() : endMs + exponential(random, 10_000);
    const joinMs = startMs + delayMs;
    const noticeMs = Math.min(50_000, 3000 + exponential(random, 8000));
    return { joinMs, leaveMs: Math.max(leaveMs, joinMs + 1000), noticeMs };
  });
  const { regions } = scenario;
  const wanted = random() < 0.5 ? (regions[Math.floor(random() * regions.length)] ?? null) : null;
  return {
    name,
    members: members.toSorted((a, b) => a.joinMs - b.joinMs),
    region: wanted,
    gateway: Math.floor(random() * scenario.gateways),
  };
}

export function drawSize(random: Random): number {
  if (random() < LARGE_SHARE) {
    // A Pareto distribution that is cut off, by its inverse.
    const [low, high] = [LARGE_FROM ** -LARGE_EXPONENT, LARGE_TO ** -LARGE_EXPONENT];
    return Math.round((low - random() * (low - high)) ** (-1 / LARGE_EXPONENT));
  }
  return Math.min(LARGE_FROM, Math.max(1, Math.round(MEDIAN_SIZE * Math.exp(SIZE_SIGMA * normal(random)))));
}

function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** Standard normal (G. E. P. Box, M. E. Muller, "A Note on the Generation of Random Normal Deviates", 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
