import { eventually, FOR_A_PROCESS } from "./eventually.ts";
import { freePorts } from "./ports.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import { needsTools } from "./tools.ts";

/** Two servers, one the copy of the other, and a sentinel that watches them. */
export interface WatchedPair {
  /** Whichever of the two it is now, as the sentinel says. */
  primary(): Promise<RedisServer>;
  /** The other one. */
  replica(): Promise<RedisServer>;
  readonly sentinel: RedisServer;
  /** The name that the sentinel knows them by. */
  readonly name: string;
  /** Makes the other one the primary; resolves when the sentinel says so. The former one hears of it some seconds later. */
  failOver(): Promise<void>;
}

const NAME = "fleet";
const NO_FILES = ['save ""', "appendonly no", "repl-diskless-sync-delay 0"];

/** One pair for the whole suite, whichever of the two is the primary; whole and empty before each spec. */
export function useWatchedPair(): WatchedPair {
  needsTools("redis-server");
  let servers: readonly RedisServer[] = [];
  let sentinel: RedisServer | null = null;
  before(async function () {
    this.timeout(30_000);
    const first = await startRedis(NO_FILES);
    servers = [first];
    const second = await startRedis([...NO_FILES, `replicaof 127.0.0.1 ${first.port}`]);
    servers = [first, second];
    await eventually(
      "the copy is up to date",
      async () => isInSync(await second.ask("INFO", "replication")),
      FOR_A_PROCESS,
    );
    const watch = [`monitor ${NAME} 127.0.0.1 ${first.port} 1`, `down-after-milliseconds ${NAME} 400`];
    const patience = [`failover-timeout ${NAME} 2000`];
    sentinel = await startRedis(
      [...watch, ...patience].map((line) => `sentinel ${line}`),
      "sentinel",
    );
    await sentinel.ask(
      "SENTINEL",
      "DEBUG",
      "info-period",
      200,
      "ping-period",
      100,
      "ask-period",
      100,
      "publish-period",
      100,
    );
  });
  beforeEach(async function () {
    this.timeout(30_000);
    for (const server of servers) await server.start();
    const isWhole = async (): Promise<boolean> => {
      return (await copies()) === 1 && isInSync(await (await replica()).ask("INFO", "replication"));
    };
    await eventually("the sentinel knows the copy, and that is up to date", isWhole, FOR_A_PROCESS);
    await (await primary()).ask("FLUSHALL");
  });
  after(() => Promise.all([...servers, ...(sentinel === null ? [] : [sentinel])].map((server) => server.end())));

  const watching = (): RedisServer => {
    if (sentinel === null) throw new Error("a sentinel is there only inside a spec");
    return sentinel;
  };
  const copies = async (): Promise<number> => {
    const known = (await watching().ask("SENTINEL", "REPLICAS", NAME)) as readonly (readonly string[])[];
    return known.filter((fields) => fields[fields.indexOf("master-link-status") + 1] === "ok").length;
  };
  const primaryPort = async (): Promise<number> => {
    const [, port] = (await watching().ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)) as readonly string[];
    return Number(port);
  };
  const primary = async (): Promise<RedisServer> => {
    const port = await primaryPort();
    return servers.find((server) => server.port === port)!;
  };
  const replica = async (): Promise<RedisServer> => {
    const port = await primaryPort();
    return servers.find((server) => server.port !== port)!;
  };
  return {
    primary,
    replica,
    get sentinel() {
      return watching();
    },
    name: NAME,
    async failOver() {
      const former = await primary();
      await watching().ask("SENTINEL", "FAILOVER", NAME);
      await eventually("the other one is the primary", async () => (await primary()) !== former, FOR_A_PROCESS);
    },
  };
}

function isInSync(info: unknown): boolean {
  return String(info).includes("role:slave") && String(info).includes("master_link_status:up");
}

/** Three primaries that share the slots, for the whole suite; emptied before each spec. */
export function useRedisCluster(): { readonly servers: readonly RedisServer[] } {
  needsTools("redis-server");
  let servers: readonly RedisServer[] = [];
  before(async function () {
    this.timeout(40_000);
    const buses = await freePorts(RANGES.length);
    servers = await Promise.all(
      buses.map((bus) =>
        startRedis([...NO_FILES, "cluster-enabled yes", `cluster-port ${bus}`, "cluster-node-timeout 2000"]),
      ),
    );
    const [first] = servers;
    for (const [index, server] of servers.entries()) {
      await server.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      await server.ask("CLUSTER", "ADDSLOTSRANGE", ...RANGES[index]!);
    }
    for (const [index, server] of servers.entries()) {
      if (server !== first) await first!.ask("CLUSTER", "MEET", "127.0.0.1", server.port, buses[index]!);
    }
    await eventually(
      "the cluster is whole",
      async () => (await Promise.all(servers.map(isWhole))).every(Boolean),
      FOR_A_PROCESS,
    );
  });
  beforeEach(() => Promise.all(servers.map((server) => server.ask("FLUSHALL"))));
  after(() => Promise.all(servers.map((server) => server.end())));
  return {
    get servers() {
      return servers;
    },
  };
}

const RANGES = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

async function isWhole(server: RedisServer): Promise<boolean> {
  const info = String(await server.ask("CLUSTER", "INFO"));
  return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3") && info.includes("cluster_size:3");
}
