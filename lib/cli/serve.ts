import type { AddressInfo } from "node:net";
import { createApp } from "../app.ts";
import { aborted, systemClock, systemRandom } from "../clock.ts";
import { type Fault, formatFault } from "../config/fault.ts";
import { createReload } from "../config/reload.ts";
import { filesOf, watchFiles } from "../config/watch.ts";
import { createLogger } from "../logger.ts";
import { EXIT_OK, type FileOptions, type Io, loadFor } from "./io.ts";
import { listen } from "./listen.ts";
import { createService } from "./systemd/service.ts";

/** Runs the gateway until `io.signal` is aborted and what was in flight then is answered. */
export async function serve(options: FileOptions, io: Io): Promise<number> {
  const loaded = loadFor(options, io);
  const { config, secrets } = loaded;
  const logger = createLogger(config.logLevel, { write: io.stdout });
  const warn = (warnings: readonly Fault[]): void => {
    for (const warning of warnings) logger.warn({ where: warning.where }, formatFault(warning));
  };
  warn(loaded.warnings);

  const app = createApp(config, secrets, {
    clock: systemClock,
    random: systemRandom,
    logger,
    withProcessMetrics: true,
  });
  const files = filesOf(options, io.env);
  const reload = createReload({
    files,
    load: () => loadFor(options, io),
    apply: (next) => app.reconfigure(next.config, next.secrets),
    events: app.events,
    initial: loaded,
    warn,
  });
  const service = createService({ env: io.env, clock: systemClock, logger, events: app.events });
  const watch = watchFiles(files, {
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
