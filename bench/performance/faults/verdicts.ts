import type { FaultResult, PeerFaults } from "../faults.ts";
import { spreadOf } from "../statistics.ts";
import { type ScenarioResult, SETTLED_MS } from "./columns.ts";
import { type Better, betterThan } from "./compared.ts";

/** One of the things that must hold, and where it does not. */
export interface Verdict {
  readonly what: string;
  readonly holds: boolean;
  readonly exceptions: readonly string[];
}

/** The issue: with one SFU dead, at most so many times the p99 of healthy ones. */
const MAX_P99 = 1.2;

/**
 * @param name whom it is about
 * @returns none where that one was not measured
 */
export function verdictsOf(result: FaultResult, name = "SFU Gateway"): readonly Verdict[] {
  const ours = result.peers.find((peer) => peer.name === name);
  if (ours === undefined) return [];
  const verdict = (what: string, exceptions: readonly string[]): Verdict => {
    return { what, holds: exceptions.length === 0, exceptions };
  };
  return [
    verdict("answers in time: 100 % in every scenario", lostBy(ours)),
    verdict("no peer is better in any column by more than the noise", betterThan(ours, result).map(described)),
    verdict(
      `one SFU dead: p99 from ${String(SETTLED_MS / 1000)} s on at most ${String(MAX_P99)} times the healthy one`,
      slowWithOneDead(ours),
    ),
  ];
}

/** With healthy SFUs, over all scenarios. */
export function healthyP99Ms({ scenarios }: PeerFaults): number {
  return spreadOf(scenarios.map(({ healthy }) => healthy.p99Ms))?.median ?? NaN;
}

/** Later than this, for 99 of 100 calls, and callers prove nothing: the machine had something else to do. */
const QUIET_MS = 20;

/** @returns the scenarios in which the callers were themselves late, by how many milliseconds */
export function disturbancesIn({ peers }: FaultResult): readonly string[] {
  return peers.flatMap(({ name, scenarios }) =>
    scenarios
      .filter(({ callersLateMs }) => callersLateMs > QUIET_MS)
      .map((scenario) => `${name}, ${nameOf(scenario)}: ${scenario.callersLateMs.toFixed(0)} ms`),
  );
}

export function nameOf({ fault, victims }: ScenarioResult): string {
  return `${fault} (${String(victims)})`;
}

function lostBy({ scenarios }: PeerFaults): readonly string[] {
  return scenarios
    .filter(({ calls, inTime }) => inTime < calls)
    .map((scenario) => {
      const { calls, inTime, lost } = scenario;
      const whats = Object.entries(lost).map(([outcome, count]) => `${String(count)} ${outcome}`);
      return `${nameOf(scenario)}: ${String(calls - inTime)} of ${String(calls)} calls lost (${whats.join(", ")})`;
    });
}

function slowWithOneDead(ours: PeerFaults): readonly string[] {
  const limitMs = MAX_P99 * healthyP99Ms(ours);
  return ours.scenarios
    .filter(({ fault, victims }) => fault === "refuse" && victims === 1)
    .flatMap(({ settled }) => {
      if (settled === null || settled.p99Ms <= limitMs) return [];
      return [`${settled.p99Ms.toFixed(1)} ms, allowed are ${limitMs.toFixed(1)}`];
    });
}

function described({ column: { name, unit }, peer, where }: Better): string {
  const shown = (value: number): string => (value === Infinity ? "never" : `${value.toFixed(1)} ${unit}`);
  const places = where.map(({ scenario, values: [our, their] }) => {
    return `${nameOf(scenario)} ${shown(their)} to our ${shown(our)}`;
  });
  return `${name}, ${peer}: ${places.join("; ")}`;
}
