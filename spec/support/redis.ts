import type { StoreSettings } from "../../lib/config/config.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import { needsTools } from "./tools.ts";

/** No file is written unless somebody says SAVE. */
const NO_FILES = ['save ""', "appendonly no", "enable-debug-command local"];

/**
 * A real Redis for the suite that calls this, empty and with its own settings before each spec. The suite is skipped where
 * there is no redis-server.
 *
 * @param settings lines of a redis.conf, known when it is started
 */
export function useRedis(settings: () => readonly string[] = () => []): RedisServer {
  needsTools("redis-server");
  let server: RedisServer | null = null;
  before(async () => {
    server = await startRedis([...NO_FILES, ...settings()]);
  });
  beforeEach(() => server?.reset());
  after(() => server?.end());
  const started = (): RedisServer => {
    if (server === null) throw new Error("a Redis is there only inside a spec");
    return server;
  };
  return delegate(started);
}

function delegate(server: () => RedisServer): RedisServer {
  return {
    get port() {
      return server().port;
    },
    ask: (...command) => server().ask(...command),
    connect: () => server().connect(),
    stop: () => server().stop(),
    start: (further) => server().start(further),
    hang: () => server().hang(),
    goOn: () => server().goOn(),
    wantPassword: (password) => server().wantPassword(password),
    reset: () => server().reset(),
    end: () => server().end(),
  };
}

/** A store on a port of loopback, as the configuration has it by default. */
export function storeOn(port: number): StoreSettings {
  return {
    at: { kind: "single", host: { host: "127.0.0.1", port }, database: 0 },
    isTls: false,
    username: null,
    prefix: "sfu-gateway",
  };
}
