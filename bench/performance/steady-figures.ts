import type { Peer } from "./peer.ts";
import { direct } from "./peers/direct.ts";
import { floor } from "./peers/floor.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import type { Load } from "./steady-loads.ts";
import type { WrkResult } from "./wrk.ts";

/** Of all rounds of one load; null where there is nothing to compare with. */
export interface SteadyFigures {
  readonly load: Load["name"];
  readonly callsPerSecond: Spread | null;
  /** Processor time of a call, in microseconds. */
  readonly cpuUs: Spread | null;
  /** The same, in those of the floor in the same round. */
  readonly toFloor: Spread | null;
  /** The share of one processor that it had. Under 1 it was not at its end, but the callers or the SFUs were. */
  readonly busy: Spread | null;
  readonly p50Us: Spread | null;
  readonly p99Us: Spread | null;
  /** Beyond those of calls without a proxy in the same round. */
  readonly addedP50Us: Spread | null;
  readonly addedP99Us: Spread | null;
}

/** One load of one peer in one round. */
export interface SteadyRun extends WrkResult {
  readonly peer: Peer;
  readonly load: Load;
  readonly round: number;
  /** Of its processes; null where there are none. */
  readonly cpuS: number | null;
}

/** Whether a load says anything of a peer: what is not there has no cost, and keeps no connection. */
export function tells(peer: Peer, load: Load): boolean {
  return peer !== direct || load.name === "fresh" || load.callsPerSecond > 0;
}

export function figuresOf(runs: readonly SteadyRun[], peer: Peer, load: Load): SteadyFigures {
  const own = runs.filter((run) => run.peer === peer && run.load === load);
  const beside = (other: Peer, { round }: SteadyRun): SteadyRun | null =>
    runs.find((run) => run.peer === other && run.load === load && run.round === round) ?? null;
  const each = (value: (run: SteadyRun) => number | null): Spread | null =>
    spreadOf(own.map(value).filter((one) => one !== null));
  const added = (part: "p50Us" | "p99Us") => (run: SteadyRun) => {
    const without = beside(direct, run);
    return peer === direct || without === null ? null : run[part] - without[part];
  };
  return {
    load: load.name,
    callsPerSecond: each(({ calls, seconds }) => calls / seconds),
    cpuUs: each(costUs),
    toFloor: each((run) => {
      const [cost, least] = [costUs(run), costUs(beside(floor, run))];
      return cost === null || least === null ? null : cost / least;
    }),
    busy: each(({ cpuS, seconds }) => (cpuS === null ? null : cpuS / seconds)),
    p50Us: each(({ p50Us }) => p50Us),
    p99Us: each(({ p99Us }) => p99Us),
    addedP50Us: each(added("p50Us")),
    addedP99Us: each(added("p99Us")),
  };
}

/** What was wrong with it, in words: a figure of calls that failed would be none. */
export function troublesOf({ peer, load, calls, failed, refused }: SteadyRun): readonly string[] {
  const where = `${peer.name}, ${load.name}`;
  if (calls === 0) return [`${where}: no call was answered`];
  if (failed === 0) return [];
  return [`${where}: ${String(failed)} of ${String(calls)} calls failed, ${String(refused)} of them by their answer`];
}

function costUs(run: SteadyRun | null): number | null {
  if (run?.cpuS === undefined || run.cpuS === null || run.calls === 0) return null;
  return (run.cpuS * 1e6) / run.calls;
}
