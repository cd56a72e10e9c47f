import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, FOR_A_PROCESS } from "./eventually.ts";
import { freePort } from "./ports.ts";
import { connectToRedis, type RedisClient, RedisError, type Reply } from "./redis-client.ts";
import { pathOf } from "./tools.ts";

/** A real Redis on a port of loopback, which it keeps. */
export interface RedisServer {
  readonly port: number;
  /** Asks it over a connection of its own. @throws {RedisError} what it has answered */
  ask(...command: readonly (string | number)[]): Promise<Reply>;
  /** A connection that stays, as for MONITOR. Closed with the server at the latest. */
  connect(): Promise<RedisClient>;
  /** Kills it. */
  stop(): Promise<void>;
  /**
   * Starts it again on the same port, with nothing in it but what SAVE has written; does nothing where it runs.
   *
   * @param further lines of a redis.conf, for this once
   */
  start(further?: readonly string[]): Promise<void>;
  /** It accepts connections and says nothing (SIGSTOP), until it goes on. */
  hang(): void;
  goOn(): void;
  /** Wants this password from now on, also of `ask`; an empty one is none. */
  wantPassword(password: string): Promise<void>;
  /** As it was started: empty, awake, with its settings of then. */
  reset(): Promise<void>;
  /** Kills it, and leaves nothing of it. */
  end(): Promise<void>;
}

/** @param settings lines of a redis.conf beside what every one of these has; with `sentinel` it is one */
export async function startRedis(settings: readonly string[] = [], kind?: "sentinel"): Promise<RedisServer> {
  const program = pathOf("redis-server");
  if (program === null) throw new Error("redis-server is not installed");
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "redis-"));
  const clients = new Set<RedisClient>();
  let child: ChildProcess | null = null;
  let password = "";

  const connect = async (): Promise<RedisClient> => {
    const client = await connectToRedis(port);
    clients.add(client);
    if (password !== "") await client.ask("AUTH", password);
    return client;
  };
  const ask: RedisServer["ask"] = async (...command) => {
    const client = await connect();
    try {
      return await client.ask(...command);
    } finally {
      client.close();
      clients.delete(client);
    }
  };
  const start = async (further: readonly string[] = []): Promise<void> => {
    if (child !== null) return;
    password = "";
    // A sentinel writes its file anew, so each start gets its own.
    writeFileSync(join(folder, "redis.conf"), [...settingsFor(port, folder), ...settings, ...further, ""].join("\n"));
    const started = spawn(program, ["redis.conf", ...(kind === undefined ? [] : ["--sentinel"])], { cwd: folder });
    child = started;
    let output = "";
    started.stdout.on("data", (text: Buffer) => (output += text.toString()));
    let isOver = false;
    started.once("exit", () => (isOver = true));
    const answers = async (): Promise<boolean> => {
      if (isOver) throw new Error(`the Redis ended: ${output}`);
      return ask("PING").then(
        () => true,
        // It loads, or wants a password.
        (error: unknown) => error instanceof RedisError,
      );
    };
    await eventually("the Redis answers", answers, FOR_A_PROCESS);
  };
  const stop = async (): Promise<void> => {
    for (const client of clients) client.close();
    clients.clear();
    const running = child;
    child = null;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, "exit");
    running.kill("SIGKILL");
    await exited;
  };
  const end = async (): Promise<void> => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  const before = kind === undefined ? await settingsOf(ask) : new Map<string, string>();
  const wantPassword = async (wanted: string): Promise<void> => {
    await ask("CONFIG", "SET", "requirepass", wanted);
    password = wanted;
  };
  return {
    port,
    ask,
    connect,
    stop,
    start,
    hang: () => void child?.kill("SIGSTOP"),
    goOn: () => void child?.kill("SIGCONT"),
    wantPassword,
    async reset() {
      await start();
      child?.kill("SIGCONT");
      if (password !== "") await wantPassword("");
      await ask("REPLICAOF", "NO", "ONE");
      for (const [name, value] of await settingsOf(ask)) {
        const wanted = before.get(name);
        if (wanted !== undefined && wanted !== value) await ask("CONFIG", "SET", name, wanted);
      }
      await ask("FLUSHALL");
      rmSync(join(folder, "dump.rdb"), { force: true });
    },
    end,
  };
}

function settingsFor(port: number, folder: string): readonly string[] {
  const always = [`port ${port}`, "bind 127.0.0.1", "protected-mode no", `dir ${folder}`, "daemonize no"];
  return always;
}

/** Those that specs change. */
const CHANGED = ["maxmemory", "maxmemory-policy", "busy-reply-threshold", "min-replicas-to-write"];

async function settingsOf(ask: RedisServer["ask"]): Promise<ReadonlyMap<string, string>> {
  const reply = (await ask("CONFIG", "GET", ...CHANGED)) as readonly string[];
  const pairs = CHANGED.map((name) => [name, reply[reply.indexOf(name) + 1] ?? ""] as const);
  return new Map(pairs);
}
