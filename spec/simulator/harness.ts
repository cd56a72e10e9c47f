import { createClock } from "@sinonjs/fake-timers";
import { createHmac, randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { sleep, systemClock, type Clock, type Random } from "../../lib/clock.ts";
import { SimulatedSfu, type SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";

export const sfuKey = randomBytes(32).toString("base64");

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** One request over a connection of its own. Rejects with the socket's error. */
export function ask(sfu: SimulatedSfu, { path = "/v1/noop", body, ...options }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(sfu.address);
    const request = httpRequest({ hostname, port, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString() });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

export interface Channel {
  readonly uuid: string;
  readonly url: string;
}

/** A join as Odoo sends it; `claims` beside `iss`, `key` and a far `exp`. */
export function join(sfu: SimulatedSfu, claims: object = {}, options: Ask = {}): Promise<Reply> {
  return joinWith(sfu, sign({ iss: "odoo:channel:1", key: "Y2hhbm5lbA==", ...claims }), options);
}

export function joinWith(sfu: SimulatedSfu, token: string, { path, headers, ...options }: Ask = {}): Promise<Reply> {
  return ask(sfu, {
    path: path ?? "/v1/channel",
    headers: { Authorization: `Bearer ${token}`, ...headers },
    ...options,
  });
}

export function channelOf({ status, body }: Reply): Channel {
  if (status !== 200) throw new Error(`expected a channel, got ${status}`);
  return JSON.parse(body) as Channel;
}

export function disconnect(sfu: SimulatedSfu, claims: object, headers: Record<string, string> = {}): Promise<Reply> {
  return ask(sfu, { method: "POST", path: "/v1/disconnect", headers, body: sign(claims) });
}

export interface Signing {
  readonly key?: string;
  readonly alg?: string;
  readonly encoding?: "base64" | "base64url";
}

export function sign(claims: object, { key = sfuKey, alg = "HS256", encoding = "base64url" }: Signing = {}): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString(encoding);
  const signed = `${encode({ alg, typ: "JWT" })}.${encode(claims)}`;
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(signed).digest(encoding);
  return `${signed}.${alg === "none" ? "" : signature}`;
}

export const nowS = (): number => Math.floor(systemClock.now() / 1000);

/** The error code of a socket that went wrong, `null` where nothing did. */
export function failureOf(reply: Promise<unknown>): Promise<string | null> {
  return reply.then(
    () => null,
    (error: unknown) => (error as NodeJS.ErrnoException).code ?? "?",
  );
}

/** Waits for what a socket is about to bring; mocha's timeout bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(systemClock, 1);
}

export interface ManualClock {
  readonly clock: Clock;
  readonly elapse: (ms: number) => void;
  /** How many timers are waiting. */
  readonly pending: () => number;
}

export function manualClock(): ManualClock {
  const fake = createClock(1_700_000_000_000);
  return {
    clock: {
      now: () => fake.now,
      monotonic: () => fake.now,
      after(delayMs, run) {
        const timer = fake.setTimeout(run, delayMs);
        return () => fake.clearTimeout(timer);
      },
      every(intervalMs, run) {
        const timer = fake.setInterval(run, intervalMs);
        return () => fake.clearInterval(timer);
      },
    },
    elapse: (ms) => fake.tick(ms),
    pending: () => fake.countTimers(),
  };
}

/** A repeatable sequence (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Starts simulators, and closes them after each spec of the suite that called this. */
export function useSimulators(): (options?: Partial<SimulatedSfuOptions>) => Promise<SimulatedSfu> {
  const started: SimulatedSfu[] = [];
  afterEach(() => Promise.all(started.splice(0).map((sfu) => sfu.close())));
  return async (options = {}) => {
    const latencyMs = { min: 0, max: 0 };
    const sfu = new SimulatedSfu({ key: sfuKey, clock: systemClock, random: seeded(1), latencyMs, ...options });
    started.push(sfu);
    await sfu.listen();
    return sfu;
  };
}
