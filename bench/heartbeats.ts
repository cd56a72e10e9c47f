import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseKey } from "../lib/auth/keys.ts";
import { signClaims } from "../lib/auth/resign.ts";
import { sleep, systemClock } from "../lib/clock.ts";
import { SimulatedSfu } from "../lib/simulator/sfu.ts";
import { seeded } from "../spec/support/random.ts";

/*
 * Do heartbeats make calls slower? A gateway as a user starts it, three simulated SFUs that serve, and 1,667 registered
 * ones that say that they are nearly full: one heartbeat each in ten seconds is 10,000 a minute. Phases with and without
 * heartbeats take turns, each with the same calls. Exits with 1 where the median of the calls is more than a quarter, or
 * a millisecond, above the one without.
 *
 *   npm run bench:heartbeats -- --seconds 5 --pairs 4
 */
const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, pairs: { type: "string", default: "4" } },
});
const PHASE_MS = Number(values.seconds) * 1000;
const PAIRS = Number(values.pairs);
const REGISTERED = 1667;
const HEARTBEATS_A_SECOND = 10_000 / 60;
const CALLS_A_SECOND = 50;

const keyText = Buffer.from("a key for the bench of heartbeats, 32 bytes and more").toString("base64");
const key = parseKey(keyText);
const sfus = [1, 2, 3].map(
  (seed) => new SimulatedSfu({ key: keyText, clock: systemClock, random: seeded(seed), maxRequests: 10 }),
);
await Promise.all(sfus.map((sfu) => sfu.listen()));

// The registered ones do not exist, so nobody probes them; they stay without a heartbeat for a phase.
const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
const configFile = join(folder, "gateway.toml");
writeFileSync(
  configFile,
  '[health]\ninterval_ms = 86400000\n[registration]\nttl_ms = 86400000\nallow = ["127.0.0.0/8"]\n',
);

const port = 18_071;
const gateway = spawn("bin/sfu-gateway", ["serve", "--config", configFile], {
  env: {
    ...process.env,
    SFU_GATEWAY_KEY: keyText,
    SFU_GATEWAY_REGISTRATION_KEY: keyText,
    SFU_GATEWAY_NODES: JSON.stringify({
      sfu: sfus.map(({ address }) => ({ address, key: keyText, max_sessions: 1_000_000 })),
    }),
    SFU_GATEWAY_PORT: String(port),
    SFU_GATEWAY_BIND: "127.0.0.1",
    LOG_LEVEL: "warn",
  },
  stdio: ["ignore", "ignore", "inherit"],
});

const agent = new Agent({ keepAlive: true });
function send(path: string, headers: Record<string, string>, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ port, host: "127.0.0.1", path, method, headers, agent }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const nowS = (): number => Math.floor(systemClock.now() / 1000);
const failed: string[] = [];
let calls = 0;
async function call(): Promise<number> {
  const token = await signClaims({ iss: `bench:channel:${String(++calls)}`, exp: nowS() + 30 }, key);
  const startedMs = systemClock.monotonic();
  const status = await send("/v1/channel", { authorization: `Bearer ${token}` });
  if (status !== 200) failed.push(`a call got ${String(status)}`);
  return systemClock.monotonic() - startedMs;
}

let heartbeats = 0;
async function heartbeat(): Promise<void> {
  const number = heartbeats++ % REGISTERED;
  const token = await signClaims({ iat: nowS(), exp: nowS() + 60, jti: randomUUID() }, key);
  const address = `http://127.1.${String(Math.floor(number / 250))}.${String(1 + (number % 250))}:9`;
  const load = { channels: 100, sessions: 900, cpuUsage: 0.9, memoryUsage: 0.9 };
  const body = JSON.stringify({ status: "up", address, region: "eu-west-3", key: keyText, ...load });
  const status = await send("/v1/sfu", { authorization: `Bearer ${token}` }, body);
  if (status !== 200) failed.push(`a heartbeat got ${String(status)}`);
}

/** Starts `work` so many times a second until the time is over, whether or not the last one has ended. */
async function steadily<T>(aSecond: number, work: () => Promise<T>): Promise<T[]> {
  const startedMs = systemClock.monotonic();
  const underWay: Promise<T>[] = [];
  for (let number = 0; ; number++) {
    const dueMs = startedMs + (number * 1000) / aSecond;
    if (dueMs > startedMs + PHASE_MS) break;
    if (dueMs > systemClock.monotonic()) await sleep(systemClock, dueMs - systemClock.monotonic());
    underWay.push(work());
  }
  return Promise.all(underWay);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

async function untilUp(child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    if ((await send("/healthz", {}).catch(() => 0)) === 200) return;
    await sleep(systemClock, 50);
  }
  throw new Error("the gateway has ended");
}

/** Without a report the three would be taken for as full as the others say that they are. */
async function untilRead(): Promise<void> {
  const isRead = async (): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}/v1/health`);
    const { sfus: known } = (await answer.json()) as { sfus: { load: unknown }[] };
    return known.every(({ load }) => load !== null);
  };
  while (!(await isRead())) await sleep(systemClock, 100);
}

async function measure(): Promise<boolean> {
  await untilUp(gateway);
  await untilRead();
  for (let number = 0; number < REGISTERED; number++) await heartbeat();
  await steadily(CALLS_A_SECOND, call);
  const times: Record<"without" | "with", number[]> = { without: [], with: [] };
  for (let pair = 0; pair < PAIRS; pair++) {
    times.without.push(...(await steadily(CALLS_A_SECOND, call)));
    const [measured] = await Promise.all([steadily(CALLS_A_SECOND, call), steadily(HEARTBEATS_A_SECOND, heartbeat)]);
    times.with.push(...measured);
  }
  const of = (name: keyof typeof times): { p50: number; p99: number } => {
    const sorted = times[name].toSorted((a, b) => a - b);
    return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  };
  const show = (name: keyof typeof times): string =>
    `${name.padEnd(8)} heartbeats: ${String(times[name].length)} calls, p50 ${of(name).p50.toFixed(2)} ms, p99 ${of(name).p99.toFixed(2)} ms\n`;
  process.stdout.write(show("without") + show("with"));
  process.stdout.write(`ratio of the medians: ${(of("with").p50 / of("without").p50).toFixed(2)}\n`);
  if (failed.length > 0) process.stdout.write(`${String(failed.length)} failed, the first: ${failed[0] ?? ""}\n`);
  return failed.length === 0 && of("with").p50 <= Math.max(of("without").p50 * 1.25, of("without").p50 + 1);
}

try {
  process.exitCode = (await measure()) ? 0 : 1;
} finally {
  agent.destroy();
  gateway.kill("SIGTERM");
  if (gateway.exitCode === null) await once(gateway, "exit");
  await Promise.all(sfus.map((sfu) => sfu.close()));
  rmSync(folder, { recursive: true });
}
