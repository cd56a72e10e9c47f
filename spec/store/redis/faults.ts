import { eventually } from "../../support/eventually.ts";
import type { FaultProxy } from "../../support/fault-proxy.ts";
import type { RedisClient } from "../../support/redis-client.ts";
import type { RedisServer } from "../../support/redis-server.ts";

/** A Redis, and the line that the stores reach it by. */
export interface Stage {
  readonly server: RedisServer;
  readonly line: FaultProxy;
}

/** One way in which it cannot be used, and how that ends. */
export interface Outage {
  readonly name: string;
  /** What the error says that is told of it; null where there is no telling. */
  readonly says: RegExp | null;
  begin(stage: Stage): unknown;
  end(stage: Stage): unknown;
}

const onTheLine = (name: string, fault: Parameters<FaultProxy["set"]>[0]): Outage => ({
  name,
  says: null,
  begin: ({ line }) => line.set(fault),
  end: ({ line }) => line.set({ kind: "none" }),
});

const SLOW_MS = 300;

export const OUTAGES: readonly Outage[] = [
  {
    name: "is stopped and hangs",
    says: /100 ms/,
    begin: ({ server }) => server.hang(),
    end: ({ server }) => server.goOn(),
  },
  onTheLine("cannot be reached, and nothing says so", { kind: "hang", way: "both" }),
  onTheLine("hears, and its answers are lost", { kind: "hang", way: "server" }),
  onTheLine("does not hear any more", { kind: "hang", way: "client" }),
  onTheLine(`takes ${SLOW_MS} ms to answer`, { kind: "delay", ms: SLOW_MS / 2 }),
  onTheLine("resets every connection", { kind: "cut" }),
  onTheLine("is no Redis but a web server", { kind: "garbage", text: "HTTP/1.1 400 Bad Request\r\n\r\n" }),
  onTheLine("answers what nobody has asked for", { kind: "garbage", text: ":1\r\n+OK\r\n*-1\r\n$-1\r\n" }),
  onTheLine("answers without an end", { kind: "garbage", text: "*1000000000\r\n$536870912\r\n" }),
  { name: "is killed", says: null, begin: ({ server }) => server.stop(), end: ({ server }) => server.start() },
  {
    name: "has become a copy that nobody may write to",
    says: /it is a replica/,
    begin: ({ server }) => server.ask("REPLICAOF", "127.0.0.1", 1),
    end: ({ server }) => server.ask("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "has no memory left",
    says: /OOM/,
    begin: ({ server }) => server.ask("CONFIG", "SET", "maxmemory", 1),
    end: ({ server }) => server.ask("CONFIG", "SET", "maxmemory", 0),
  },
  {
    name: "misses the copies that it wants",
    says: /NOREPLICAS/,
    begin: ({ server }) => server.ask("CONFIG", "SET", "min-replicas-to-write", 1),
    end: ({ server }) => server.ask("CONFIG", "SET", "min-replicas-to-write", 0),
  },
  {
    name: "is busy with somebody's script",
    says: /BUSY|100 ms/,
    begin: async ({ server }: Stage): Promise<void> => {
      await server.ask("CONFIG", "SET", "busy-reply-threshold", 20);
      const client: RedisClient = await server.connect();
      client.ask("EVAL", "while true do end", 0).catch(() => undefined);
    },
    end: async ({ server }: Stage): Promise<void> => {
      await eventually("the script can be ended", () => isTaken(server, "SCRIPT", "KILL"));
      await eventually("the script is over", () => isTaken(server, "PING"));
    },
  },
  {
    name: "wants another password",
    says: /NOAUTH|WRONGPASS|password|closed/i,
    begin: async ({ server }: Stage): Promise<void> => {
      await server.wantPassword("another one, of sixteen characters and more");
      await server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    end: ({ server }) => server.wantPassword(""),
  },
];

async function isTaken(server: RedisServer, ...command: readonly string[]): Promise<boolean> {
  return server.ask(...command).then(
    () => true,
    () => false,
  );
}
