import { aborted, systemClock } from "../../clock.ts";
import type { Environment } from "../../config/env.ts";
import { createLogger } from "../../logger.ts";
import { EXIT_FAILED, EXIT_OK, type Io, printJson } from "../io.ts";
import { startFleet, type Pace } from "./fleet.ts";
import { createNarrator } from "./narrator.ts";
import { play } from "./story.ts";
import { isSuccess, summarise, summaryLines } from "./summary.ts";

export interface DemoOptions {
  readonly json?: boolean;
  /** Leave the fleet and the gateway up, to be tried by hand, until the process is told to end. */
  readonly stay?: boolean;
}

/** Long enough to read along, short enough to end in half a minute. */
const PACE: Pace = {
  betweenCallsMs: 120,
  attemptTimeoutMs: 1000,
  resetTimeoutMs: 3000,
  windowMs: 5000,
  probeIntervalMs: 2000,
};

/**
 * Runs a gateway in front of three simulated SFUs through two outages, over real sockets.
 *
 * @returns 0 where every call was served and every breaker closed again; 1 where not, or `io.signal` ended it
 */
export async function demo({ json = false, stay = false }: DemoOptions, io: Io, pace: Pace = PACE): Promise<number> {
  if (stay) return stayUp(io, pace);
  const startedMs = systemClock.monotonic();
  const fleet = await startFleet({
    env: { SFU_GATEWAY_PORT: "0" },
    pace,
    logger: createLogger("silent", { write: () => undefined }),
  });
  try {
    const narrator = createNarrator(json ? () => undefined : io.stdout, io.color, startedMs);
    const record = await play(fleet, pace, narrator, io.signal);
    const summary = summarise(record, systemClock.monotonic() - startedMs);
    if (json) printJson(io, summary);
    else for (const line of summaryLines(summary)) narrator.line(line);
    return isSuccess(summary) ? EXIT_OK : EXIT_FAILED;
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.stderr("the demo was ended before its end\n");
    return EXIT_FAILED;
  } finally {
    await fleet.close();
  }
}

async function stayUp(io: Io, pace: Pace): Promise<number> {
  const fleet = await startFleet({
    env: ownSettings(io.env),
    pace,
    logger: createLogger("info", { write: io.stdout }),
  });
  for (const { name, region, sfu } of fleet.sfus) io.stderr(`${name.padEnd(10)} ${region}  ${sfu.address}\n`);
  io.stderr(`gateway    ${fleet.url}, until it is told to end\n`);
  if (fleet.hasOwnKey) io.stderr(`export SFU_GATEWAY_KEY=${fleet.gatewayKey}\n`);
  await aborted(io.signal);
  await fleet.close();
  return EXIT_OK;
}

/** The fleet is the demo's own; where and how the gateway listens is not. */
function ownSettings(env: Environment): Environment {
  const secrets = ["KEY", "REGISTRATION_KEY", "ADMIN_TOKEN"].flatMap((name) => [name, `${name}_FILE`]);
  const names = [...secrets, "PORT", "BIND", "TRUST_PROXY"].map((name) => `SFU_GATEWAY_${name}`);
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}
