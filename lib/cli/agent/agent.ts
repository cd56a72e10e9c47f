import { aborted, systemClock, systemRandom } from "../../clock.ts";
import { loadAgentConfiguration } from "../../config/agent.ts";
import { formatFault } from "../../config/fault.ts";
import { createLogger } from "../../logger.ts";
import { CliError, EXIT_FAILED, EXIT_OK, type Io } from "../io.ts";
import { createServiceManager } from "../systemd/notify.ts";
import { startWatchdog, turning } from "../systemd/watchdog.ts";
import { createGatewayClient } from "./gateway.ts";
import { createHostMeter, type HostSources } from "./host.ts";
import { createJournal } from "./journal.ts";
import { runRounds, type RoundsParts } from "./rounds.ts";
import { createStatsReader } from "./sfu.ts";
import { hostSystem, type System } from "./system.ts";

/**
 * Runs beside an SFU and tells the gateway of it, until `io.signal` is aborted and the SFU is signed off. The SFU
 * itself knows nothing of it.
 *
 * @throws {ConfigError} with every fault of the environment
 * @throws {CliError} where the host cannot be measured
 */
export async function agent(_options: object, io: Io, system: System = hostSystem): Promise<number> {
  const { config, secrets, warnings } = loadAgentConfiguration(io.env);
  const host = createHostMeter(system, systemClock);
  requireFigures(host.sources());

  const logger = createLogger(config.logLevel, { write: io.stdout });
  for (const warning of warnings) logger.warn({ where: warning.where }, formatFault(warning));
  const journal = createJournal(config, logger, systemClock);
  journal.started(host.sources());

  const manager = createServiceManager({ env: io.env, clock: systemClock, logger });
  void manager.ready(`tells ${config.gatewayUrl} of ${config.address}`);
  const stopWatchdog = startWatchdog({ env: io.env, clock: systemClock, logger, manager, check: turning });
  const goodbye = aborted(io.signal).then(() => manager.stopping());
  try {
    await tellGateway({ config, secrets, clock: systemClock, random: systemRandom, host, journal }, io.signal);
  } finally {
    stopWatchdog();
  }
  await goodbye;
  return EXIT_OK;
}

/** Leaves no socket behind. */
export async function tellGateway(parts: Omit<RoundsParts, "sfu" | "gateway">, signal: AbortSignal): Promise<void> {
  const { config, secrets, clock } = parts;
  const sfu = createStatsReader(config.statsUrl, secrets.statsToken, clock);
  const gateway = createGatewayClient(config.gatewayUrl, secrets.registrationKey, clock);
  try {
    await runRounds({ ...parts, sfu, gateway }, signal);
  } finally {
    sfu.close();
  }
}

/**
 * A heartbeat has to tell the use of processors and memory, and no number says «unknown»: 0 would draw every call to
 * this SFU, 1 would keep all of them away. What cannot be read at the start will not be readable later either, so the
 * agent does not start, and somebody who is looking sees it. A figure that is missed later is the last one that was
 * there.
 *
 * @throws {CliError}
 */
function requireFigures({ cpu, memory }: HostSources): void {
  const missing = [
    ...(cpu === null ? ["CPU (/proc/stat)"] : []),
    ...(memory === null ? ["memory (/proc/meminfo)"] : []),
  ];
  if (missing.length === 0) return;
  const text = `cannot read the host's use of ${missing.join(" and ")}: systemd's ProcSubset=pid, for one, hides it`;
  throw new CliError(text, EXIT_FAILED);
}
