import { parseArgs } from "node:util";
import { sleep, systemClock } from "../lib/clock.ts";
import { SimulatedSfu } from "../lib/simulator/sfu.ts";
import { type Call, startCalls } from "../spec/chaos/processes/calls.ts";
import type { Conferences } from "../spec/chaos/processes/conferences.ts";
import { seeded } from "../spec/support/random.ts";
import { GATEWAY_KEY } from "../spec/support/tokens.ts";
import { churn, type ChurnSetup } from "./soak/churn.ts";
import { startGateway } from "./soak/gateway.ts";
import { peakOf } from "./soak/peak.ts";
import { JUDGED, type Sample, trendOf } from "./soak/vitals.ts";

/*
 * Does anything pile up? A gateway in a process of its own gets calls at half of what it can serve, while SFUs, conferences
 * and its configuration come and go. Once a minute it is left alone for some seconds and looked at: what it holds then
 * must be what it held before. Exits with 1 where a line through the samples rises, a call was not answered as it should
 * be, or the gateway did not end as it should.
 *
 *   npm run bench:soak -- --minutes 30
 *   npm run bench:soak -- --minutes 2 --round 15 --rate 100
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    /** Seconds of work before each look. */
    round: { type: "string", default: "50" },
    /** Calls a second; without it half of what it can serve. */
    rate: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const SFUS = 6;
/** In this share of the time it warms up: code is compiled, and what remembers is filled to its bounds. */
const WARM_UP = 1 / 3;
/** Of ten calls so many begin a conference, so that all that is remembered of one is soon at its bounds. */
const NEW_ONES = 0.7;
const LATE_MS = 3000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const random = seeded(Number(values.seed));
const keyOf = (text: string): string => Buffer.from(`${text}, of 32 bytes and more`).toString("base64");
const [sfuKey, registrationKey, adminToken] = [keyOf("an SFU's key"), keyOf("a registration key"), keyOf("a token")];

const sfus = Array.from(
  { length: SFUS },
  (_, index) => new SimulatedSfu({ key: sfuKey, clock: systemClock, random: seeded(index), maxRequests: 10 }),
);
await Promise.all(sfus.map((sfu) => sfu.listen()));
const fileOf: ChurnSetup["fileOf"] = (some) =>
  some.map(({ address }) => `[[sfu]]\naddress = "${address}"\nkey = "${sfuKey}"\nmax_sessions = 1000000\n`).join("");
const gateway = await startGateway(
  {
    SFU_GATEWAY_KEY: GATEWAY_KEY,
    SFU_GATEWAY_PORT: "0",
    SFU_GATEWAY_BIND: "127.0.0.1",
    SFU_GATEWAY_REGISTRATION_KEY: registrationKey,
    SFU_GATEWAY_ADMIN_TOKEN: adminToken,
  },
  {
    secrets: fileOf(sfus),
    config: '[registration]\nallow = ["http://127.0.0.1"]\n[health]\nstats_interval_ms = 2000\n',
  },
);
const setup: ChurnSetup = { gateway, random, sfus, fileOf, sfuKey, registrationKey, adminToken };

let count = 0;
const conferences: Conferences = {
  next() {
    if (random() < NEW_ONES) count++;
    return { iss: `soak:channel:${String(Math.max(0, count - Math.floor(random() * 50)))}`, members: 1 };
  },
};

const served = values.rate === undefined ? await peakOf(gateway.port) : NaN;
const rate = values.rate === undefined ? served / 2 : Number(values.rate);
if (values.rate === undefined) say(`it serves ${served.toFixed(0)} calls/s, so it gets ${rate.toFixed(0)}`);

const startedMs = systemClock.monotonic();
const totalS = Number(values.minutes) * 60;
const elapsedS = (): number => (systemClock.monotonic() - startedMs) / 1000;
const samples: Sample[] = [];
const trouble: string[] = [];
const outcomes = new Map<string, number>();
const columns = [...JUDGED, "residentMb", "externalMb"] as const;
const cell = (name: keyof Sample, value: number): string => value.toFixed(name.endsWith("Mb") ? 1 : 0).padStart(10);
say(`${"minute".padStart(7)}${columns.map((name) => name.padStart(11)).join("")}`);

function judge({ answer, begunMs, endedMs }: Call): void {
  const what = answer.kind === "channel" ? "channel" : answer.kind === "refusal" ? answer.code : answer.kind;
  outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  const tookMs = endedMs - begunMs;
  if (what !== "channel") trouble.push(`a call got ${what}`);
  else if (tookMs > LATE_MS) trouble.push(`a call took ${tookMs.toFixed(0)} ms`);
}

do {
  const round = new AbortController();
  const changing = churn(setup, round.signal);
  const load = startCalls({ port: gateway.port, rate, conferences });
  await sleep(systemClock, Number(values.round) * 1000);
  const calls = await load.stop();
  round.abort(new Error("the round is over"));
  await changing;
  gateway.write(fileOf(sfus));
  for (const call of calls) judge(call);
  const sample = await gateway.look();
  samples.push(sample);
  say(`${(elapsedS() / 60).toFixed(1).padStart(7)}${columns.map((name) => ` ${cell(name, sample[name])}`).join("")}`);
} while (elapsedS() < totalS);

const settled = samples.filter(({ atS }) => atS >= totalS * WARM_UP);
say(`\nthe last ${String(settled.length)} of ${String(samples.length)} samples, a line through them, each hour:`);
for (const name of JUDGED) {
  const { perHour, rise, isFine } = trendOf(name, settled);
  say(`${name.padStart(12)} ${perHour.toFixed(2).padStart(9)} (${rise.toFixed(2)} from the first to the last)`);
  if (!isFine) trouble.push(`${name} rises by ${perHour.toFixed(2)} an hour`);
}
for (const [what, times] of gateway.errors) say(`logged ${String(times)} times: ${what}`);
const code = await gateway.stop();
if (code !== 0) trouble.push(`the gateway ended with ${String(code)}`);
await Promise.all(sfus.map((sfu) => sfu.close()));
say([...outcomes].map(([what, times]) => `${what}: ${String(times)}`).join(", "));
const kinds = Map.groupBy(trouble, (line) => line.replaceAll(/[\d.]+/g, "…"));
for (const [kind, lines] of kinds) say(`TROUBLE ${kind} (${String(lines.length)} times; the first: ${lines[0] ?? ""})`);
process.exitCode = trouble.length > 0 ? 1 : 0;
