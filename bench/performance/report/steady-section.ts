import { tableOf } from "../faults/table.ts";
import type { Spread } from "../statistics.ts";
import type { SteadyFigures } from "../steady-figures.ts";
import type { SteadyPeer, SteadyResult } from "../steady.ts";

type LoadName = SteadyFigures["load"];

const SATURATING = {
  fresh: "Kept connections, another conference each time",
  repeated: "Kept connections, 500 conferences in turn",
  "new connections": "A new connection for each call, as Odoo has it, another conference each time",
} as const satisfies Partial<Record<LoadName, string>>;

const PACED = { "200/s": 200, "1000/s": 1000 } as const satisfies Partial<Record<LoadName, number>>;

/** What a reader of docs/performance.md sees of it: Markdown, without a verdict. */
export function steadySection(result: SteadyResult): string {
  const { peers, rounds, connections, isPinned, wrk } = result;
  const where = isPinned
    ? "The proxy that is measured has one processor to itself, wrk and the SFUs share the others."
    : "wrk, the SFUs and the proxies share the processors.";
  const saturated = Object.entries(SATURATING) as [LoadName, string][];
  const paced = Object.entries(PACED) as [LoadName, number][];
  return `## Steady load

wrk ${wrk} with ${String(connections)} connections and tokens made beforehand, in front of three SFUs that answer at once and look at nothing. ${where}
All peers run all the time and are asked in turn, ${String(rounds)} ${rounds === 1 ? "round" : "rounds"}; each figure is the median of the rounds, with the least and the most of them.

- **CPU a call**: processor time of all processes of the proxy, in µs; **to the floor**: in that of the bare \`node:http\` proxy in the
  same round.
- **Calls a second**: as many as are answered, with the **share** of its processor that the proxy had: under 100 % the callers and the
  SFUs were at their end, and not the proxy.

${saturated
  .filter(([load]) => hasFigures(peers, load))
  .map(([load, title]) => `### ${title}\n\n${saturationTable(peers, load)}`)
  .join("\n\n")}

### Latency

From the first byte sent to the last one read, in µs, over kept connections with pauses as chance has them; **added** is what is beyond the
same calls without a proxy in the same round.

${paced
  .filter(([load]) => hasFigures(peers, load))
  .map(([load, rate]) => `${rate.toLocaleString("en")} calls a second\n\n${latencyTable(peers, load)}`)
  .join("\n\n")}

### Memory

After all of this, in MB: ${peers.flatMap(({ name, residentMb }) => (residentMb === null ? [] : [`${name} ${residentMb.toFixed(0)}`])).join(", ")}.
`;
}

function saturationTable(peers: readonly SteadyPeer[], load: LoadName): string {
  return tableOf(
    ["Peer", "CPU a call", "to the floor", "calls a second", "share"],
    rowsOf(peers, load, ({ cpuUs, toFloor, callsPerSecond, busy }) => [
      show(cpuUs, 0),
      show(toFloor, 2),
      show(callsPerSecond, 0),
      busy === null ? "" : `${(100 * busy.median).toFixed(0)} %`,
    ]),
    1,
  );
}

function latencyTable(peers: readonly SteadyPeer[], load: LoadName): string {
  return tableOf(
    ["Peer", "p50", "p99", "added p50", "added p99", "calls a second"],
    rowsOf(peers, load, ({ p50Us, p99Us, addedP50Us, addedP99Us, callsPerSecond }) => [
      show(p50Us, 0),
      show(p99Us, 0),
      show(addedP50Us, 0),
      show(addedP99Us, 0),
      callsPerSecond === null ? "" : callsPerSecond.median.toFixed(0),
    ]),
    1,
  );
}

function rowsOf(
  peers: readonly SteadyPeer[],
  load: LoadName,
  cellsOf: (figures: SteadyFigures) => readonly string[],
): readonly (readonly string[])[] {
  return peers.flatMap(({ name, figures }) =>
    figures.filter((one) => one.load === load).map((one) => [name, ...cellsOf(one)]),
  );
}

function hasFigures(peers: readonly SteadyPeer[], load: LoadName): boolean {
  return peers.some(({ figures }) => figures.some((one) => one.load === load));
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return "";
  const [median, least, most] = [spread.median, spread.least, spread.most].map((value) => value.toFixed(digits));
  return least === most ? String(median) : `${String(median)} (${String(least)} to ${String(most)})`;
}
