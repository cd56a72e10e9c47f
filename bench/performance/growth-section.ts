import { tableOf } from "./faults/table.ts";
import type { GrowthResult } from "./growth.ts";
import type { AssignmentGrowth } from "./growth/assignments.ts";
import type { FleetGrowth } from "./growth/fleet.ts";
import type { Shared } from "./growth/sharing.ts";

/** What a reader of docs/performance.md sees of it: Markdown, without a verdict. */
export function growthSection({ processors, fleets, sharing, assignments }: GrowthResult): string {
  return `## Growth

### With the fleet

The gateway in front of 3 to 3,000 SFUs, listeners of one process; the file names three regions. Until it **serves**, and until
it has found **all healthy**; one look at \`/metrics\` and \`/v1/health\`, each over a connection of its own (the median of some,
and the longest, which is that of a process that has not compiled the code yet); one ranking; memory when all of this and the calls
below are over.

${fleetTable(fleets)}

While nobody calls, each with the checks that it makes by default (the gateway visits each SFU every two seconds, from 300
of them on 150 a second; HAProxy every two seconds; nginx none), and calls at 200 a second, another conference each time, over kept connections
to the proxy. **CPU a call** is without what the proxy takes while nobody calls. Of a large fleet each call goes over a connection of its own,
for that of the call before to the same SFU was too long ago.

${peerTable(fleets)}
${sharing.length === 0 ? "" : `\n### With the processes on one port\n\n${sharingNote(processors)}\n\n${sharingTable(sharing)}\n`}${
    assignments.length === 0
      ? ""
      : `\n### With the assignments\n\nConferences that the gateway has placed and still knows, in its own memory; calls at 200 a second to some of them.\n\n${assignmentTable(assignments)}\n`
  }`;
}

function fleetTable(fleets: readonly FleetGrowth[]): string {
  return tableOf(
    ["SFUs", "serves", "all healthy", "/metrics", "of", "/v1/health", "of", "ranking", "memory"],
    fleets.map(({ sfus, servesMs, healthyMs, metrics, health, rankingUs, usedMb }) => [
      count(sfus),
      `${seconds(servesMs)} s`,
      `${seconds(healthyMs)} s`,
      `${metrics.medianMs.toFixed(1)} ms (${metrics.mostMs.toFixed(0)})`,
      `${metrics.kilobytes.toFixed(0)} kB`,
      `${health.medianMs.toFixed(1)} ms (${health.mostMs.toFixed(0)})`,
      `${health.kilobytes.toFixed(0)} kB`,
      `${rankingUs.toFixed(rankingUs < 10 ? 1 : 0)} µs`,
      `${usedMb.toFixed(0)} MB`,
    ]),
    0,
  );
}

function peerTable(fleets: readonly FleetGrowth[]): string {
  return tableOf(
    ["Peer", "SFUs", "idle", "memory", "CPU a call", "p50", "p99"],
    names(fleets).flatMap((name) =>
      fleets.flatMap(({ sfus, peers }) =>
        peers
          .filter((peer) => peer.name === name)
          .map(({ idleShare, idleMb, calls }) => [
            name,
            count(sfus),
            percent(idleShare, 1),
            `${idleMb.toFixed(0)} MB`,
            ...(calls === null ? ["", "", ""] : [calls.cpuUs, calls.p50Us, calls.p99Us].map(micros)),
          ]),
      ),
    ),
    1,
  );
}

function sharingNote(processors: number): string {
  const limit =
    processors > 3
      ? ""
      : ` Of the ${String(processors)} processors of this machine wrk and the SFUs need more than one themselves: two processes cannot have two here, so what they gain is bounded by that.`;
  return `As many calls as are answered, three SFUs, 64 connections. Processes of the gateway with \`SFU_GATEWAY_REUSE_PORT\`, workers of nginx, threads of HAProxy; **share** is of one processor, so two of them may have up to 200 %.${limit}`;
}

function sharingTable(sharing: readonly Shared[]): string {
  return tableOf(
    ["Peer", "processes", "calls a second", "share", "CPU a call", "p99"],
    [...new Set(sharing.map(({ name }) => name))].flatMap((name) =>
      sharing
        .filter((one) => one.name === name)
        .map(({ processes, callsPerSecond, busy, cpuUs, p99Us }) => [
          name,
          String(processes),
          callsPerSecond.toFixed(0),
          percent(busy, 0),
          micros(cpuUs),
          micros(p99Us),
        ]),
    ),
    1,
  );
}

function assignmentTable(assignments: readonly AssignmentGrowth[]): string {
  return tableOf(
    ["assignments", "memory", "/metrics", "CPU a call", "p50", "p99"],
    assignments.map(({ assignments: known, residentMb, metrics, calls }) => [
      count(known),
      `${residentMb.toFixed(0)} MB`,
      `${metrics.medianMs.toFixed(1)} ms`,
      ...[calls.cpuUs, calls.p50Us, calls.p99Us].map(micros),
    ]),
    0,
  );
}

function names(fleets: readonly FleetGrowth[]): readonly string[] {
  return [...new Set(fleets.flatMap(({ peers }) => peers.map(({ name }) => name)))];
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function percent(share: number, digits: number): string {
  return `${(100 * share).toFixed(digits)} %`;
}

function micros(us: number): string {
  return `${us.toFixed(0)} µs`;
}
