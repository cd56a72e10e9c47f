import { fork } from "node:child_process";
import { once } from "node:events";
import { jwtVerify } from "jose";
import { parseKey } from "../lib/auth/keys.ts";
import { sign, signClaims } from "../lib/auth/resign.ts";
import { createVerifier } from "../lib/auth/verify.ts";
import { systemClock } from "../lib/clock.ts";
import { createExchange } from "../lib/sfu/exchange.ts";
import { owned } from "../spec/chaos/processes/children.ts";
import { claimsOf, GATEWAY_KEY } from "../spec/support/tokens.ts";
import { TRANSPORTS } from "../spec/support/transports.ts";
import { spreadOf } from "./performance/statistics.ts";

/*
 * Two parts of a call beside what they were chosen over, in µs of processor time: asking an SFU over node:http or got, a token
 * verified and signed anew by node:crypto or jose. In turn, several rounds, each part alone: in a gateway each costs more.
 */
const ROUNDS = 5;
const TIMES = 5000;
/** As many at a time as a busy gateway has under way. */
const AT_A_TIME = 8;

const sfus = owned(fork(new URL("performance/plain-sfus.ts", import.meta.url), { env: { ...process.env, SFUS: "1" } }));
const [[address = ""]] = (await once(sfus, "message")) as [readonly string[]];
const url = `${address}/v1/channel`;

const key = parseKey(GATEWAY_KEY);
const claims = claimsOf("https://odoo.test:channel:1");
const payload = Buffer.from(JSON.stringify(claims));
const token = sign(payload, key);
const verify = createVerifier([key], systemClock);

const parts: Record<string, () => unknown> = {
  "verify and sign, node:crypto": () => [verify(`Bearer ${token}`), sign(payload, key)],
  "verify and sign, jose": async () => [
    await jwtVerify(token, key.cryptoKey(), { algorithms: ["HS256"], requiredClaims: ["exp"] }),
    await signClaims(claims, key),
  ],
};
for (const [name, transport] of TRANSPORTS) {
  const exchange = createExchange({ transport });
  const signal = (): AbortSignal => new AbortController().signal;
  parts[`ask an SFU, ${name}`] = () => exchange.get({ url, headers: {}, signal: signal() });
}

async function run(part: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun++ < TIMES) await part();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / TIMES;
}

const taken = new Map(Object.keys(parts).map((name) => [name, [] as number[]]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, part] of Object.entries(parts)) {
    const us = await run(part);
    // The first one compiles the code.
    if (round > 0) taken.get(name)?.push(us);
  }
}
for (const [name, times] of taken) {
  const { median, least, most } = spreadOf(times) ?? { median: NaN, least: NaN, most: NaN };
  process.stdout.write(
    `${name.padEnd(30)} ${median.toFixed(1).padStart(6)} µs (${least.toFixed(1)} to ${most.toFixed(1)})\n`,
  );
}
sfus.disconnect();
process.exit();
