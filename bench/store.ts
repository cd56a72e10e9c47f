import { Agent, request } from "node:http";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { sleep, systemClock } from "../lib/clock.ts";
import { type ChaosGateway, createGateway } from "../spec/chaos/processes/gateway.ts";
import { portForGood } from "../spec/chaos/processes/port.ts";
import { type ChaosSfu, startSfu } from "../spec/chaos/processes/sfu.ts";
import { type RedisServer, startRedis } from "../spec/support/redis-server.ts";
import { claimsOf, token } from "../spec/support/tokens.ts";
import { fill } from "./store/fill.ts";
import { commandsOf, since } from "./store/commands.ts";

/*
 * What does a Redis between several gateways cost? The time that it adds to a call, side by side with a gateway that has only
 * its own memory, in turns (medians, and of the rounds' differences the middle and the extremes); the commands that a call
 * costs Redis; and the memory of conferences, in Redis and in a gateway.
 *
 *   npm run bench:store                     (half a minute)
 *   npm run bench:store -- --rounds 20
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    calls: { type: "string", default: "300" },
    conferences: { type: "string", default: "100000" },
  },
});
const ROUNDS = Number(values.rounds);
const CALLS = Number(values.calls);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let conferences = 0;

/** One after the other, over one connection. @returns milliseconds each */
async function callAll(port: number, names: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const name of names) {
    const headers = { authorization: `Bearer ${token({ claims: claimsOf(name) })}` };
    const beganMs = systemClock.monotonic();
    const sent = request({ host: "127.0.0.1", port, path: "/v1/channel", agent, headers }).end();
    const [answer] = (await once(sent, "response")) as [NodeJS.ReadableStream & { readonly statusCode: number }];
    answer.resume();
    await once(answer, "end");
    if (answer.statusCode !== 200) throw new Error(`answered ${String(answer.statusCode)}`);
    times.push(systemClock.monotonic() - beganMs);
  }
  return times;
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
const ms = (value: number): string => value.toFixed(2);

interface Round {
  readonly first: number;
  readonly assigned: number;
}

async function round({ port }: ChaosGateway): Promise<Round> {
  const names = Array.from({ length: CALLS }, () => `conference ${String(++conferences)}`);
  const first = median(await callAll(port, names));
  return { first, assigned: median(await callAll(port, names)) };
}

async function compareTimes(alone: ChaosGateway, shared: ChaosGateway): Promise<void> {
  // Both have to be warm.
  for (const gateway of [alone, shared, alone, shared]) await round(gateway);
  const rounds: { readonly alone: Round; readonly shared: Round }[] = [];
  for (let number = 0; number < ROUNDS; number++) {
    // In turns, so that neither has the machine's better moments.
    const firstIsAlone = number % 2 === 0;
    const one = await round(firstIsAlone ? alone : shared);
    const other = await round(firstIsAlone ? shared : alone);
    rounds.push(firstIsAlone ? { alone: one, shared: other } : { alone: other, shared: one });
  }
  for (const [kind, what] of [
    ["first", "a first join"],
    ["assigned", "a call whose conference is assigned"],
  ] as const) {
    const added = rounds.map((pair) => pair.shared[kind] - pair.alone[kind]).toSorted((a, b) => a - b);
    const usual = median(rounds.map((pair) => pair.alone[kind]));
    process.stdout.write(
      `${what}: ${ms(usual)} ms by memory, ${ms(median(added))} ms more by Redis ` +
        `(from ${ms(added[0] ?? NaN)} to ${ms(added.at(-1) ?? NaN)} over ${String(ROUNDS)} rounds of ${String(CALLS)})\n`,
    );
  }
}

async function countCommands(redis: RedisServer, { port }: ChaosGateway): Promise<void> {
  const names = Array.from({ length: 1000 }, () => `conference ${String(++conferences)}`);
  for (const what of ["a first join", "a call whose conference is assigned"]) {
    const before = await commandsOf(redis);
    const beganMs = systemClock.monotonic();
    await callAll(port, names);
    const tookS = (systemClock.monotonic() - beganMs) / 1000;
    const calls = since(before, await commandsOf(redis));
    const list = Array.from(calls, ([name, count]) => `${name} ${(count / names.length).toFixed(2)}`);
    process.stdout.write(`commands for ${what} (with the ${tookS.toFixed(1)} s that 1,000 took): ${list.join(", ")}\n`);
  }
  const before = await commandsOf(redis);
  await sleep(systemClock, 5000);
  const idle = since(before, await commandsOf(redis));
  const list = Array.from(idle, ([name, count]) => `${name} ${(count / 5).toFixed(1)}`);
  process.stdout.write(`commands in a second without calls, for one gateway: ${list.join(", ")}\n`);
}

const redis = await startRedis(['save ""', "appendonly no"]);
const sfus: ChaosSfu[] = [];
const gateways: ChaosGateway[] = [];
try {
  for (const number of [1, 2, 3]) sfus.push(await startSfu(number, new Map()));
  const secrets = sfus.map(({ address, key }) => `[[sfu]]\naddress = "${address}"\nkey = "${key}"\n`).join("\n");
  const store = `[store]\nurl = "redis://127.0.0.1:${String(redis.port)}"\n`;
  for (const config of ["", store]) {
    const gateway = createGateway(await portForGood(), { secrets, config });
    gateways.push(gateway);
    await gateway.start();
  }
  const [alone, shared] = gateways as [ChaosGateway, ChaosGateway];
  await compareTimes(alone, shared);
  await countCommands(redis, shared);
} finally {
  agent.destroy();
  await Promise.all([...gateways, ...sfus].map((each) => each.close()));
  await redis.end();
}

const filled = await fill(Number(values.conferences));
const megabytes = (bytes: number, count: number): string =>
  `${(bytes / 1e6).toFixed(1)} MB (${(bytes / count).toFixed(0)} bytes each)`;
process.stdout.write(
  `${values.conferences} conferences in Redis: ${megabytes(filled.redisBytes, Number(values.conferences))}; ` +
    `its journal: ${(filled.journalBytes / 1e6).toFixed(1)} MB; ` +
    `${String(filled.remembered)} in the gateway: ${megabytes(filled.heapBytes, filled.remembered)}; ` +
    `one gateway began and ended ${filled.commandsPerSecond.toFixed(0)} turns a second\n`,
);
