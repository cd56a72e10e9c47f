import type { AddressInfo } from "node:net";
import { createApp } from "../app.ts";
import { aborted, systemClock, systemRandom } from "../clock.ts";
import { formatFault } from "../config/fault.ts";
import { createLogger } from "../logger.ts";
import { EXIT_OK, type FileOptions, type Io, loadFor } from "./io.ts";
import { listen } from "./listen.ts";

/** Runs the gateway until `io.signal` is aborted and what was in flight then is answered. */
export async function serve(options: FileOptions, io: Io): Promise<number> {
  const { config, secrets, warnings } = loadFor(options, io);
  const logger = createLogger(config.logLevel, { write: io.stdout });
  for (const warning of warnings) logger.warn({ where: warning.where }, formatFault(warning));

  const app = createApp(config, secrets, {
    clock: systemClock,
    random: systemRandom,
    logger,
    withProcessMetrics: true,
  });
  const address = await listen(app, config.listen);
  const regions = new Set(config.sfus.map(({ region }) => region));
  const fleet = { sfus: config.sfus.length, regions: regions.size };
  logger.info({ ...fleet, port: address.port }, `listening on http://${hostOf(address)}:${String(address.port)}`);

  await aborted(io.signal);
  logger.info("shutting down: no new requests, finishing those in flight");
  await app.close();
  logger.info("shut down");
  return EXIT_OK;
}

function hostOf({ address, family }: AddressInfo): string {
  return family === "IPv6" ? `[${address}]` : address;
}
