import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, systemClock } from "../../lib/clock.ts";
import { SimulatedSfu, type SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { freePort } from "../support/ports.ts";
import { type GatewayProcess, startGatewayProcess } from "../support/process.ts";
import { seeded } from "../support/random.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { claimsOf, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

/** The SFUs of the first gateway, by what will become of them, and their regions, so that each can be called. */
const FIRST = {
  good: "good",
  dead: "dead",
  hung: "hung",
  locked: "locked",
  busy: "pair",
  idle: "pair",
} as const;

/** What a reload adds. */
const LATER = { odd: "odd", mute: "mute" } as const;

type Name = keyof typeof FIRST | keyof typeof LATER | "silent" | "other";

const ADMIN_TOKEN = "an admin token that nobody would guess";

const SETTINGS = `
[breaker]
minimum_requests = 2
window_ms = 2000
reset_timeout_ms = 100
[health]
interval_ms = 500
stats_interval_ms = 200
[registration]
ttl_ms = 2000
allow = ["http://127.0.0.1"]
[failover]
attempt_timeout_ms = 1000
retry_timeout_ms = 1000
`;

/** Later than an event loop may be, and sooner than Prometheus gives up a scrape. */
const STARVED_MS = 200;

/** Two real gateways with a fleet each, for things to happen to. */
export interface TroubledFleet {
  readonly sfus: Readonly<Record<Name, SimulatedSfu>>;
  readonly gateways: { readonly first: Restartable; readonly second: Restartable };
  /** A new conference each time, in the region of an SFU. @returns the status */
  readonly call: (gateway: Restartable, region: string, key?: string) => Promise<number>;
  /** Gives the first gateway a configuration that it takes, with more SFUs, or one that it does not. */
  readonly reload: (configuration: "larger" | "broken") => Promise<void>;
  /** Gives the second gateway these limits, as TOML, and takes back the ones before. */
  readonly limit: (limits: string) => Promise<void>;
  /** One heartbeat of the SFU that registers itself, and never another. */
  readonly beatOnce: () => Promise<void>;
  /** One that the first gateway knows, or all that either does. */
  readonly drain: (sfu?: SimulatedSfu) => Promise<void>;
  /** Gives each gateway, from its next start on, a place of its own in one Redis. */
  readonly store: () => Promise<void>;
  readonly redis: RedisServer;
  close(): Promise<void>;
}

/** A gateway that keeps its address from one process to the next. */
export interface Restartable {
  readonly target: string;
  readonly url: string;
  start(): Promise<void>;
  /** Has it read its file anew. */
  readonly reload: () => void;
  /** As `reload`, until it says that it has taken it. */
  readonly take: () => Promise<void>;
  /** Leaves it without a processor for a moment. */
  readonly starve: () => Promise<void>;
  stop(): Promise<void>;
}

export async function startTroubledFleet(): Promise<TroubledFleet> {
  const folder = await mkdtemp(join(tmpdir(), "sfu-gateway-monitoring-"));
  const names: Name[] = [...(Object.keys({ ...FIRST, ...LATER }) as Name[]), "silent", "other"];
  const started = await Promise.all(names.map((name, index) => startSfu(name, index + 1)));
  const sfus = Object.fromEntries(started) as Record<Name, SimulatedSfu>;
  const keyOf = (name: Name): string => sfuKey(names.indexOf(name) + 1);
  const entries = (regions: Partial<Record<Name, string>>): string =>
    Object.entries(regions)
      .map(([name, region]) => {
        const { address } = sfus[name as Name];
        return `[[sfu]]\naddress = "${address}"\nkey = "${keyOf(name as Name)}"\nregion = "${region}"\n`;
      })
      .join("");

  const file = (name: string): string => join(folder, name);
  const write = (name: string, text: string): Promise<void> => writeFile(file(name), text, { mode: 0o600 });
  await write("first.toml", SETTINGS + entries(FIRST));
  // It asks one SFU and no other, so that a call may use up the budget.
  const writeSecond = (more: string): Promise<void> =>
    write("second.toml", `${SETTINGS}max_retries = 1\n${more}\n${entries({ other: "other" })}`);
  await writeSecond("");

  const gatewayOf = async (name: string): Promise<Restartable> => {
    const port = await freePort();
    const target = `127.0.0.1:${String(port)}`;
    const args = ["serve", "--secrets", file(name)];
    const env = { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY, SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN };
    let running: GatewayProcess | null = null;
    return {
      target,
      url: `http://${target}`,
      reload: () => running?.kill("SIGHUP"),
      async take() {
        const taken = running?.nextLine("reloaded");
        running?.kill("SIGHUP");
        await taken;
      },
      async starve() {
        const starved = running;
        starved?.kill("SIGSTOP");
        await sleep(systemClock, STARVED_MS);
        starved?.kill("SIGCONT");
      },
      async start() {
        running = await startGatewayProcess({ port, args, env });
      },
      async stop() {
        const ended = running;
        running = null;
        ended?.kill("SIGTERM");
        await ended?.exitCode;
      },
    };
  };
  const first = await gatewayOf("first.toml");
  const second = await gatewayOf("second.toml");
  const gateways = [first, second];
  const redis = await startRedis(['save ""', "appendonly no"]);
  const close = async (): Promise<void> => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await redis.end();
    await Promise.all(Object.values(sfus).map((sfu) => sfu.close()));
    await rm(folder, { recursive: true, force: true });
  };
  const starts = await Promise.allSettled(gateways.map((gateway) => gateway.start()));
  const failed = starts.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }

  let conferences = 0;
  const post = async (url: string, bearer: string, body: object): Promise<void> => {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${url} answered ${String(response.status)}: ${await response.text()}`);
  };

  return {
    sfus,
    gateways: { first, second },
    async call({ url }, region, key) {
      const claims = claimsOf(`room ${String(++conferences)}`);
      const headers = { authorization: `Bearer ${token({ claims, ...(key === undefined ? {} : { key }) })}` };
      const response = await fetch(`${url}/v1/channel?region=${region}`, { headers });
      await response.arrayBuffer();
      return response.status;
    },
    async reload(configuration) {
      const text = configuration === "larger" ? entries({ ...FIRST, ...LATER }) : "max_retrys = 3\n";
      await write("first.toml", SETTINGS + text);
      first.reload();
      if (configuration === "broken") return;
      const isTaken = async (): Promise<boolean> =>
        (await (await fetch(`${first.url}/v1/health`)).text()).includes(sfus.mute.address);
      await eventually("the larger configuration is taken", isTaken, FOR_A_PROCESS);
    },
    async limit(limits) {
      await writeSecond(limits);
      await second.take();
    },
    redis,
    async store() {
      const table = (prefix: string): string =>
        `[store]\nurl = "redis://127.0.0.1:${String(redis.port)}"\nprefix = "${prefix}"\n`;
      await write("first.toml", `${SETTINGS}${table("first")}${entries({ ...FIRST, ...LATER })}`);
      await writeSecond(table("second"));
    },
    async beatOnce() {
      const exp = Math.floor(systemClock.now() / 1000) + 60;
      const bearer = token({ key: OTHER_KEY, claims: { exp } });
      const load = { channels: 0, sessions: 0, cpuUsage: 0.1, memoryUsage: 0.1 };
      const whose = { address: sfus.silent.address, region: "silent", key: keyOf("silent") };
      await post(`${first.url}/v1/sfu`, bearer, { status: "up", ...whose, ...load });
    },
    async drain(sfu) {
      if (sfu !== undefined) {
        await post(`${first.url}/v1/sfu/drain`, ADMIN_TOKEN, { address: sfu.address });
        return;
      }
      for (const { url } of [first, second]) {
        const { sfus: known } = (await (await fetch(`${url}/v1/health`)).json()) as { sfus: { address: string }[] };
        for (const { address } of known) await post(`${url}/v1/sfu/drain`, ADMIN_TOKEN, { address });
      }
    },
    close,
  };
}

async function startSfu(name: Name, number: number): Promise<[Name, SimulatedSfu]> {
  const options: Partial<SimulatedSfuOptions> =
    // Nobody gives the gateway the token that it wants for its statistics.
    name === "mute" ? { family: "o-sfu", diagnosticsToken: "the token of its statistics" } : {};
  const latencyMs = { min: 0, max: 0 };
  const sfu = new SimulatedSfu({
    key: sfuKey(number),
    clock: systemClock,
    random: seeded(number),
    latencyMs,
    ...options,
  });
  await sfu.listen();
  return [name, sfu];
}
