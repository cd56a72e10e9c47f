import type { Verdict } from "./faults/verdicts.ts";
import type { GrowthResult } from "./growth.ts";
import type { PeerGrowth } from "./growth/fleet.ts";
import { gateway } from "./peers/gateway.ts";

const LARGE_FLEET = 3000;
const MAX_IDLE_SHARE = 0.1;
const MAX_IDLE_MB = 400;

const SCRAPED_FLEET = 300;
const MAX_SCRAPE_MS = 50;

/** What must hold of the gateway as its fleet grows; nothing of sizes that were not measured. */
export function growthVerdictsOf({ fleets }: GrowthResult): readonly Verdict[] {
  const large = fleets.find(({ sfus }) => sfus === LARGE_FLEET);
  const idle = large?.peers.find(({ name }) => name === gateway.name);
  const scraped = fleets.find(({ sfus }) => sfus === SCRAPED_FLEET);
  return [
    ...(idle === undefined ? [] : [idleVerdict(idle)]),
    ...(scraped === undefined ? [] : [scrapeVerdict(scraped.metrics.medianMs)]),
  ];
}

function idleVerdict({ idleShare, idleMb }: PeerGrowth): Verdict {
  return {
    what:
      `3,000 idle SFUs: under ${String(100 * MAX_IDLE_SHARE)} % of a core and ${String(MAX_IDLE_MB)} MB ` +
      `(it is ${(100 * idleShare).toFixed(1)} %, ${idleMb.toFixed(0)} MB)`,
    holds: idleShare < MAX_IDLE_SHARE && idleMb < MAX_IDLE_MB,
    exceptions: [],
  };
}

function scrapeVerdict(medianMs: number): Verdict {
  return {
    what: `scraping the metrics of 300 SFUs: under ${String(MAX_SCRAPE_MS)} ms (it is ${medianMs.toFixed(1)} ms)`,
    holds: medianMs < MAX_SCRAPE_MS,
    exceptions: [],
  };
}
