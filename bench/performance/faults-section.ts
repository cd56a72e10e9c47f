import type { FaultResult, PeerFaults } from "./faults.ts";
import { PATIENCE_MS, type ScenarioResult } from "./faults/columns.ts";
import { tableOf } from "./faults/table.ts";
import { disturbancesIn } from "./faults/verdicts.ts";
import { spreadOf } from "./statistics.ts";

/** What a reader of docs/performance.md sees of it: Markdown, without a verdict. */
export function faultsSection(result: FaultResult): string {
  const { perSecond, healthyMs, faultMs, flappingMs, backMs } = result.pace;
  const seconds = (ms: number): string => String(ms / 1000);
  return `## Under fault

Three simulated SFUs, each a process that verifies tokens and takes 0.3 to 3 ms for a join; callers as Odoo has them, ${String(perSecond)} a
second at random moments (an open loop), each with a connection of its own and three seconds of patience; half of the calls begin a
conference, the others are members of one that began within the last minute. All peers are measured at the same time, each with SFUs
and callers of its own. A scenario: ${seconds(healthyMs)} s healthy, ${seconds(faultMs)} s with the fault (flapping: ${seconds(flappingMs)}), then healed, until it is used again.

- **In time**: of all calls from the beginning of the fault until the SFU is used again, those that got a channel within three seconds.
- **p50, p99, worst**: of the calls while the fault is on, in ms; one without a channel in time counts as ${String(PATIENCE_MS)}.
  **p99 later**: of those from 3 s after its beginning on.
- **Tries**: how often a call was sent to an SFU that had the fault (where its port is closed: connections that the kernel has
  refused, probes among them).
- **Left**: seconds until at most one of a hundred calls was still sent there (trials that find out whether it is well again are
  calls like any; where its port is closed, one connection a second is taken for a probe); of several spells of flapping the longest.
- **Used again**: seconds from healed to the first call that is sent there again, by each that had the fault; at most ${seconds(backMs)}. What was never left
  has no such moment.

Faults: _refuse_ kills the process; _flapping_ closes the port for 5 s, opens it for 5 s, and so on; _reset_ draws a TCP RST by each
request; _hang_ is SIGSTOP; _500_ answers joins so, and all else properly; _slow_ delays every answer; _garbage_ answers 200 without JSON;
_worker hang_ answers everything but joins.

${noteOn(disturbancesIn(result))}${healthyTable(result.peers)}

${[1, 2]
  .map((victims) => tableFor(result.peers, victims))
  .filter((text) => text !== "")
  .join("\n\n")}
`;
}

const MOST_SHOWN = 5;

function noteOn(disturbances: readonly string[]): string {
  if (disturbances.length === 0) return "";
  const shown = disturbances.slice(0, MOST_SHOWN).join("; ");
  const more = disturbances.length - MOST_SHOWN;
  return `**The machine was not quiet**, so these figures prove little: the callers were themselves late, one call of a hundred by so much.
${shown}${more > 0 ? `; and ${String(more)} more` : ""}.\n\n`;
}

function healthyTable(peers: readonly PeerFaults[]): string {
  const rows = peers.map(({ name, scenarios }) => {
    const quantiles = (["p50Ms", "p99Ms", "worstMs"] as const).map((part) => {
      const found = spreadOf(scenarios.map(({ healthy }) => healthy[part]));
      return found === null ? "" : `${ms(found.median)} (${ms(found.least)} to ${ms(found.most)})`;
    });
    return [name, ...quantiles];
  });
  return `While all SFUs are healthy, in ms: the median of the scenarios (and from the least to the most)\n\n${tableOf(
    ["Peer", "p50", "p99", "worst"],
    rows,
    1,
  )}`;
}

const HEADER = ["Fault", "Peer", "in time", "p50", "p99", "worst", "p99 later", "tries", "left", "used again"];

function tableFor(peers: readonly PeerFaults[], victims: number): string {
  const [first] = peers;
  const faults = first?.scenarios.filter((one) => one.victims === victims).map(({ fault }) => fault) ?? [];
  if (faults.length === 0) return "";
  const rows = faults.flatMap((fault) =>
    peers.flatMap(({ name, scenarios }, index) =>
      scenarios
        .filter((one) => one.fault === fault && one.victims === victims)
        .map((one) => [index === 0 ? fault : "", name, ...cellsOf(one)]),
    ),
  );
  return `${victims === 1 ? "One SFU of three" : "Two SFUs of three"}\n\n${tableOf(HEADER, rows, 2)}`;
}

function cellsOf({
  calls,
  inTime,
  during,
  settled,
  tries,
  leftAfterMs,
  backAfterMs,
}: ScenarioResult): readonly string[] {
  const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
  return [
    inTime === calls ? "100 %" : `${(Math.floor((10_000 * inTime) / calls) / 100).toFixed(2)} %`,
    ...[during.p50Ms, during.p99Ms, during.worstMs, settled?.p99Ms ?? null].map((one) => (one === null ? "" : ms(one))),
    String(tries),
    leftAfterMs === null ? "not" : seconds(leftAfterMs),
    backAfterMs !== null ? seconds(backAfterMs) : leftAfterMs === null ? "" : "not",
  ];
}

function ms(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
