import { Agent, request } from "node:http";
import { parseArgs } from "node:util";
import { createApp } from "../lib/app.ts";
import { systemClock } from "../lib/clock.ts";
import { loadConfiguration } from "../lib/config/load.ts";
import { createLogger } from "../lib/logger.ts";
import { signClaims } from "../lib/auth/resign.ts";
import { parseKey } from "../lib/auth/keys.ts";
import { exampleFault, type Fault, SimulatedSfu } from "../lib/simulator/sfu.ts";
import { seeded } from "../spec/support/random.ts";

/*
 * Does anything pile up? Sends many requests through one gateway in front of three simulated SFUs, all in this process,
 * while SFUs fail and heal and some callers hang up, and looks at the heap after a garbage collection every tenth of
 * the way. Exits with 1 where the heap grew, a promise was rejected unseen, or listeners were left behind.
 *
 *   npm run bench:soak -- --requests 100000
 */
const { values } = parseArgs({ options: { requests: { type: "string", default: "100000" } } });
const REQUESTS = Number(values.requests);
const CONCURRENCY = 40;
const CONFERENCES = 2000;
const STEPS = 10;
/** Of every so many requests one caller hangs up at once. */
const IMPATIENT = 50;
/** The heap may differ by so much between the second tenth and the last: caches fill, code is compiled. */
const MAX_GROWTH_MB = 4;

const FAULTS: readonly (Fault | null)[] = [
  null,
  exampleFault("reset"),
  exampleFault("status"),
  null,
  exampleFault("garbage"),
  exampleFault("refuse"),
];

if (globalThis.gc === undefined) throw new Error("start this with node --expose-gc");
const collect = globalThis.gc;

const trouble: string[] = [];
process.on("unhandledRejection", (reason) => trouble.push(`unhandled rejection: ${String(reason)}`));
process.on("warning", ({ name, message }) => trouble.push(`${name}: ${message}`));

const random = seeded(1);
const keyText = Buffer.from("a key for the soak test, 32 bytes and more").toString("base64");
const sfus = [1, 2, 3].map(
  (seed) =>
    new SimulatedSfu({
      key: keyText,
      clock: systemClock,
      random: seeded(seed),
      latencyMs: { min: 0, max: 0 },
      maxRequests: 10,
    }),
);
await Promise.all(sfus.map((sfu) => sfu.listen()));
const { config, secrets } = loadConfiguration({
  env: {
    SFU_GATEWAY_KEY: keyText,
    SFU_GATEWAY_NODES: JSON.stringify({ sfu: sfus.map(({ address }) => ({ address, key: keyText })) }),
    SFU_GATEWAY_PORT: "0",
    SFU_GATEWAY_BIND: "127.0.0.1",
  },
  secretsFile: null,
  configFile: null,
});
const app = createApp({ ...config, breaker: { ...config.breaker, resetTimeoutMs: 500 } }, secrets, {
  clock: systemClock,
  random,
  logger: createLogger("info", { write: () => undefined }),
});
const { port } = await app.listen();
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });

const key = parseKey(keyText);
const exp = Math.floor(systemClock.now() / 1000) + 3600;
const tokens = await Promise.all(
  Array.from({ length: CONFERENCES }, (_, number) => signClaims({ iss: `soak:channel:${String(number)}`, exp }, key)),
);

const outcomes = new Map<string, number>();
function call(number: number): Promise<void> {
  const authorization = `Bearer ${tokens[Math.floor(random() * CONFERENCES)] ?? ""}`;
  return new Promise((resolve) => {
    const end = (outcome: string): void => {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      resolve();
    };
    const sent = request(
      { port, host: "127.0.0.1", path: "/v1/channel", agent, headers: { authorization } },
      (response) => {
        response.resume().once("close", () => end(String(response.statusCode)));
      },
    );
    sent.once("error", () => end("hung up"));
    sent.end();
    if (number % IMPATIENT === 0) sent.once("socket", () => queueMicrotask(() => sent.destroy()));
  });
}

async function callMany(from: number, to: number): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) await call(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

const heapMb: number[] = [];
const startedMs = systemClock.monotonic();
for (let step = 0; step < STEPS; step++) {
  const fault = FAULTS[step % FAULTS.length] ?? null;
  if (fault === null) await sfus[0]?.heal();
  else await sfus[0]?.break(fault);
  await callMany((step * REQUESTS) / STEPS, ((step + 1) * REQUESTS) / STEPS);
  collect();
  const mb = process.memoryUsage().heapUsed / 2 ** 20;
  heapMb.push(mb);
  const seconds = (systemClock.monotonic() - startedMs) / 1000;
  const done = ((step + 1) * REQUESTS) / STEPS;
  process.stdout.write(
    `${String(done).padStart(7)} requests  ${mb.toFixed(1).padStart(6)} MB of heap  ${seconds.toFixed(1)} s  (SFU 1: ${fault?.kind ?? "well"})\n`,
  );
}
agent.destroy();
await app.close();
await Promise.all(sfus.map((sfu) => sfu.close()));

const growthMb = (heapMb.at(-1) ?? 0) - (heapMb[1] ?? 0);
if (growthMb > MAX_GROWTH_MB) trouble.push(`the heap grew by ${growthMb.toFixed(1)} MB`);
const counted = [...outcomes].map(([outcome, count]) => `${outcome}: ${String(count)}`).join(", ");
process.stdout.write(`${counted}\nheap growth from ${String(REQUESTS / 5)} requests on: ${growthMb.toFixed(1)} MB\n`);
for (const line of trouble) process.stdout.write(`TROUBLE ${line}\n`);
process.exitCode = trouble.length > 0 ? 1 : 0;
