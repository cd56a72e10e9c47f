import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tellGateway } from "../../../lib/cli/agent/agent.ts";
import type { HostFigures, HostMeter } from "../../../lib/cli/agent/host.ts";
import { createJournal } from "../../../lib/cli/agent/journal.ts";
import { type Random, systemClock } from "../../../lib/clock.ts";
import { loadAgentConfiguration } from "../../../lib/config/agent.ts";
import type { Environment } from "../../../lib/config/env.ts";
import { createLogger } from "../../../lib/logger.ts";
import { type FakeClock, useFakeClock } from "../../support/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { seeded } from "../../support/random.ts";
import { sfuKey } from "../../support/tokens.ts";

export const REGISTRATION_KEY = Buffer.from("the registration key of these specs").toString("base64");
export const STATS_TOKEN = "diagnostics-token-of-these-specs";
export const ADDRESS = "https://sfu1.example.com";

/** One `POST /v1/sfu`, read to its end. */
export interface Beat {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  /** Of its token, whose signature has been checked; null where it does not fit. */
  readonly claims: Readonly<Record<string, unknown>> | null;
  /** On the monotonic clock. */
  readonly atMs: number;
}

/** What to answer: a status with a JSON body or a text, or in an own way. */
export type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | ((request: IncomingMessage, response: ServerResponse) => void);

export interface FakeGateway {
  readonly url: string;
  readonly beats: readonly Beat[];
  /** How many connections are open. */
  readonly connections: number;
  /** From now on; the first is `OK`. */
  reply: Reply;
}

export const OK: Reply = { status: 200, body: { result: "ok", ttlMs: 30_000, draining: false } };
export const RESET: Reply = (request) => void request.socket.destroy();
export const HANG: Reply = () => undefined;

/** A gateway as far as heartbeats go, for each spec of the suite that called this. */
export function useFakeGateway(): FakeGateway {
  const beats: Beat[] = [];
  let url = "";
  let connections = 0;
  let reply = OK;
  const server = createServer((request, response) => {
    void readBeat(request).then((beat) => {
      beats.push(beat);
      if (typeof reply === "function") {
        reply(request, response);
        return;
      }
      const { status, body, headers } = reply;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
    });
  });
  server.on("connection", (socket) => {
    connections++;
    socket.on("close", () => connections--);
  });

  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    beats.length = 0;
    reply = OK;
  });
  afterEach(() => server.closeAllConnections());
  after(async () => {
    server.close();
    await once(server, "close");
  });
  return {
    get url() {
      return url;
    },
    beats,
    get connections() {
      return connections;
    },
    get reply() {
      return reply;
    },
    set reply(next) {
      reply = next;
    },
  };
}

async function readBeat(request: IncomingMessage): Promise<Beat> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return {
    line: `${request.method ?? ""} ${request.url ?? ""}`,
    headers: request.headers,
    body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
    claims: claimsIn(request.headers.authorization ?? ""),
    atMs: systemClock.monotonic(),
  };
}

function claimsIn(authorization: string): Readonly<Record<string, unknown>> | null {
  const [header = "", payload = "", signature = ""] = authorization.replace(/^Bearer /, "").split(".");
  const key = Buffer.from(REGISTRATION_KEY, "base64");
  if (createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url") !== signature) return null;
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

export type LogLine = Readonly<Record<string, unknown>>;

/** An agent that runs in the spec's process, on the fake clock. */
export interface RunningAgent {
  readonly logs: readonly LogLine[];
  /** All that was said above debug, `level: text`. */
  readonly said: readonly string[];
  /** How long it has waited after each round, or is waiting now, in milliseconds. */
  readonly waits: readonly number[];
  readonly hasEnded: boolean;
  /** Resolves when so many rounds have come to their end; time stands still for it. */
  rounds(count: number): Promise<void>;
  /** Lets it wait to the end, and resolves when another round is over. */
  nextRound(): Promise<void>;
  /** What SIGTERM does. */
  end(): void;
}

export interface AgentOptions {
  readonly env?: Environment;
  readonly random?: Random;
  /** What the host's figures are; 0.25 and 0.5 unless told otherwise. */
  readonly measure?: () => HostFigures;
}

export interface Agents {
  readonly clock: FakeClock;
  /** @param sfu where the SFU answers */
  start(gateway: FakeGateway, sfu: string, options?: AgentOptions): RunningAgent;
}

export function agentEnv(gatewayUrl: string, sfu: string): Readonly<Record<string, string>> {
  return {
    SFU_GATEWAY_URL: gatewayUrl,
    SFU_ADDRESS: ADDRESS,
    SFU_REGION: "eu-west-3",
    SFU_STATS_URL: sfu,
    SFU_STATS_TOKEN: STATS_TOKEN,
    SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY,
    AUTH_KEY: sfuKey(1),
    LOG_LEVEL: "debug",
  };
}

/** Agents on a fake clock, ended after each spec of the suite that called this. */
export function useAgents(): Agents {
  const running: RunningAgent[] = [];
  // Before the clock's own hook, for an agent in the middle of something needs the time to end it.
  afterEach(async () => {
    for (const agent of running) agent.end();
    await eventually("all agents have ended", async () => {
      await clock.elapse(50);
      return running.every(({ hasEnded }) => hasEnded);
    });
    running.length = 0;
  });
  const clock = useFakeClock();
  return {
    clock,
    start(gateway, sfu, options = {}) {
      const agent = startAgent(clock, { ...agentEnv(gateway.url, sfu), ...options.env }, options);
      running.push(agent);
      return agent;
    },
  };
}

function startAgent(clock: FakeClock, env: Environment, { random = seeded(1), measure }: AgentOptions): RunningAgent {
  const controller = new AbortController();
  const logs: LogLine[] = [];
  const { config, secrets } = loadAgentConfiguration(env);
  const logger = createLogger(config.logLevel, { write: (line) => void logs.push(JSON.parse(line) as LogLine) });
  const journal = createJournal(config, logger, clock);
  const host: HostMeter = {
    sources: () => ({ cpu: "/proc/stat", memory: "/proc/meminfo" }),
    measure: () => Promise.resolve(measure === undefined ? { cpu: 0.25, memory: 0.5 } : measure()),
  };
  let hasEnded = false;
  let failure: unknown = null;
  tellGateway({ config, secrets, clock, random, host, journal }, controller.signal)
    .catch((error: unknown) => (failure = error))
    .finally(() => (hasEnded = true));

  const waits = (): number[] => logs.flatMap(({ waitMs }) => (typeof waitMs === "number" ? waitMs : []));
  const rounds = (count: number): Promise<void> =>
    eventually(`${count} rounds are over`, () => {
      if (failure !== null) throw new Error("the agent has failed", { cause: failure });
      return waits().length >= count;
    });
  return {
    logs,
    get said() {
      return logs.filter(({ level }) => level !== "debug").map(({ level, msg }) => `${String(level)}: ${String(msg)}`);
    },
    get waits() {
      return waits();
    },
    get hasEnded() {
      return hasEnded;
    },
    rounds,
    async nextRound() {
      const before = waits();
      await clock.elapse(before.at(-1) ?? 0);
      await rounds(before.length + 1);
    },
    end: () => controller.abort(),
  };
}
