import type { AddressInfo } from "node:net";
import { createApp } from "../app.ts";
import { aborted, systemClock, systemRandom } from "../clock.ts";
import { ConfigError, type Fault, formatFault } from "../config/fault.ts";
import type { Loaded } from "../config/load.ts";
import { createReload } from "../config/reload.ts";
import { filesOf, watchFiles } from "../config/watch.ts";
import { createLogger, type Logger } from "../logger.ts";
import { gathered } from "./gathered.ts";
import { EXIT_OK, type FileOptions, type Io, loadFor } from "./io.ts";
import { listen } from "./listen.ts";
import { callersThatFit } from "./open-files.ts";
import { createService } from "./systemd/service.ts";

/** Runs the gateway until `io.signal` is aborted and what was in flight then is answered. */
export async function serve(options: FileOptions, io: Io): Promise<number> {
  const loaded = loadFor(options, io);
  const lines = gathered(systemClock, io.stdout);
  try {
    return await run(loaded, createLogger(loaded.config.logLevel, lines), options, io);
  } finally {
    lines.end();
  }
}

async function run(loaded: Loaded, logger: Logger, options: FileOptions, io: Io): Promise<number> {
  const { config, secrets } = loaded;
  const warn = (warnings: readonly Fault[]): void => {
    for (const warning of warnings) logger.warn({ where: warning.where }, formatFault(warning));
  };
  warn(loaded.warnings);

  const maxConnections = callersThatFit();
  if (maxConnections < config.limits.maxConnections) {
    const room = `${String(maxConnections)} connections of callers`;
    logger.warn(
      `the process may open files for ${room}, fewer than [limits] max_connections: raise its limit (ulimit -Hn)`,
    );
  }
  const app = createApp(config, secrets, {
    clock: systemClock,
    maxConnections,
    random: systemRandom,
    logger,
    withProcessMetrics: true,
  });
  const files = filesOf(options, io.env);
  /** What the configuration names beside them. Where one is wrong it is mended there, so it is looked at as well. */
  let namedFiles = loaded.files;
  const loadAgain = (): Loaded => {
    try {
      const next = loadFor(options, io);
      namedFiles = next.files;
      return next;
    } catch (error) {
      if (error instanceof ConfigError) namedFiles = [...new Set([...namedFiles, ...error.files])];
      throw error;
    }
  };
  const reload = createReload({
    files,
    load: loadAgain,
    apply: (next) => app.reconfigure(next.config, next.secrets),
    events: app.events,
    initial: loaded,
    warn,
  });
  const service = createService({ env: io.env, clock: systemClock, logger, events: app.events });
  const watch = watchFiles(() => [...files, ...namedFiles], {
    clock: systemClock,
    onChange: () => service.reload(reload),
  });
  const stopReloading = io.onHangup(() => watch.now());
  const address = await listen(app, config.listen);
  const regions = new Set(config.sfus.map(({ region }) => region));
  const fleet = { sfus: config.sfus.length, regions: regions.size };
  const url = `http://${hostOf(address)}:${String(address.port)}`;
  logger.info({ ...fleet, port: address.port }, `listening on ${url}`);
  service.started(url, address);

  await aborted(io.signal);
  watch.stop();
  logger.info("shutting down: no new requests, finishing those in flight");
  await Promise.all([service.stopping(), app.close()]);
  stopReloading();
  logger.info("shut down");
  return EXIT_OK;
}

function hostOf({ address, family }: AddressInfo): string {
  return family === "IPv6" ? `[${address}]` : address;
}
