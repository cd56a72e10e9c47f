import { type Verdict, verdictsOf as faultVerdictsOf } from "../faults/verdicts.ts";
import { growthVerdictsOf } from "../growth-verdicts.ts";
import { gateway } from "../peers/gateway.ts";
import { nginx } from "../peers/nginx.ts";
import type { SteadyFigures } from "../steady-figures.ts";
import type { SteadyResult } from "../steady.ts";
import type { Report } from "./report.ts";

/** Processor time of a call, in that of the floor. */
const MAX_TO_FLOOR = 2.1;
/** What a call takes longer than without a proxy, in that of nginx + njs. */
const MAX_TO_NGINX = 2;

/** What must hold, judged by the medians; nothing in a brief run. */
export function verdictsOf({ isBrief, steady, faults, growth }: Report): readonly Verdict[] {
  if (isBrief) return [];
  return [
    ...(steady === null ? [] : steadyVerdictsOf(steady)),
    ...(faults === null ? [] : faultVerdictsOf(faults, gateway.name)),
    ...(growth === null ? [] : growthVerdictsOf(growth)),
  ];
}

function steadyVerdictsOf(result: SteadyResult): readonly Verdict[] {
  const cost = figuresOf(result, gateway.name, "fresh")?.toFloor?.median;
  const [ours, theirs] = [gateway, nginx].map(({ name }) => figuresOf(result, name, "1000/s")?.addedP99Us?.median);
  return [
    ...(cost === undefined
      ? []
      : [
          verdict(
            `processor time of a call: at most ${String(MAX_TO_FLOOR)} times the bare floor`,
            cost <= MAX_TO_FLOOR,
            `${cost.toFixed(2)} times`,
          ),
        ]),
    ...(ours === undefined || theirs === undefined
      ? []
      : [
          verdict(
            `added p99 at 1,000 calls a second: at most ${String(MAX_TO_NGINX)} times that of nginx + njs`,
            ours <= MAX_TO_NGINX * theirs,
            `${ours.toFixed(0)} µs to ${theirs.toFixed(0)} µs`,
          ),
        ]),
  ];
}

function verdict(what: string, holds: boolean, found: string): Verdict {
  return { what: `${what} (it is ${found})`, holds, exceptions: [] };
}

function figuresOf({ peers }: SteadyResult, name: string, load: SteadyFigures["load"]): SteadyFigures | null {
  return peers.find((peer) => peer.name === name)?.figures.find((figures) => figures.load === load) ?? null;
}
