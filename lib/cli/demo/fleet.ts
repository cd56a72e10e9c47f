import { randomBytes } from "node:crypto";
import { type App, createApp } from "../../app.ts";
import { systemClock, systemRandom } from "../../clock.ts";
import { type Environment, readEnvironment } from "../../config/env.ts";
import { ConfigError, type Fault } from "../../config/fault.ts";
import { loadConfiguration } from "../../config/load.ts";
import type { Logger } from "../../logger.ts";
import { listen } from "../listen.ts";
import { SimulatedSfu } from "../../simulator/sfu.ts";

/** A simulated SFU under the name that the demo calls it by. */
export interface NamedSfu {
  readonly name: string;
  readonly region: string;
  readonly sfu: SimulatedSfu;
}

export interface Fleet {
  readonly sfus: readonly NamedSfu[];
  readonly app: App;
  /** The gateway's own URL. */
  readonly url: string;
  /** What Odoo would have as its RTC server KEY. */
  readonly gatewayKey: string;
  /** Whether that was made up for want of one in the environment. */
  readonly hasOwnKey: boolean;
  /** Who listens at an address, or is reached at a public URL. */
  nameOf(url: string): string;
  close(): Promise<void>;
}

/** The times that the story takes, in milliseconds. */
export interface Pace {
  readonly betweenCallsMs: number;
  readonly attemptTimeoutMs: number;
  readonly resetTimeoutMs: number;
  readonly windowMs: number;
  readonly probeIntervalMs: number;
}

const PLACES = [
  { name: "paris-1", region: "eu-west-3" },
  { name: "paris-2", region: "eu-west-3" },
  { name: "virginia-1", region: "us-east-1" },
] as const;

export interface FleetOptions {
  /** The environment of the gateway, beside its fleet. */
  readonly env: Environment;
  readonly pace: Pace;
  readonly logger: Logger;
}

interface PlacedSfu extends NamedSfu {
  /** Its AUTH_KEY. */
  readonly key: string;
}

/** Three SFUs in two regions, each with its own key, and a gateway in front of them; nothing touches the disk. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const sfus = PLACES.map((place): PlacedSfu => {
    const key = randomKey();
    return { ...place, key, sfu: new SimulatedSfu({ key, clock: systemClock, random: systemRandom }) };
  });
  const closeSfus = async (): Promise<void> => {
    await Promise.all(sfus.map(({ sfu }) => sfu.close()));
  };
  await Promise.all(sfus.map(({ sfu }) => sfu.listen()));
  try {
    const faults: Fault[] = [];
    const [given] = readEnvironment(options.env, faults, []).keys;
    if (faults.length > 0) throw new ConfigError(faults);
    const gatewayKey = given ?? randomKey();
    const { app, port } = await startGateway(sfus, gatewayKey, options);
    return {
      sfus,
      app,
      url: `http://127.0.0.1:${String(port)}`,
      gatewayKey,
      hasOwnKey: given === undefined,
      nameOf: (url) => sfus.find(({ name, sfu }) => url === sfu.address || url === publicUrl(name))?.name ?? url,
      async close() {
        await app.close();
        await closeSfus();
      },
    };
  } catch (error) {
    await closeSfus();
    throw error;
  }
}

async function startGateway(
  sfus: readonly PlacedSfu[],
  gatewayKey: string,
  { env, pace, logger }: FleetOptions,
): Promise<{ readonly app: App; readonly port: number }> {
  const nodes = sfus.map(({ name, region, key, sfu }) => {
    return { address: sfu.address, region, key, public_url: publicUrl(name) };
  });
  const { config, secrets } = loadConfiguration({
    env: {
      SFU_GATEWAY_BIND: "127.0.0.1",
      ...env,
      SFU_GATEWAY_KEY: gatewayKey,
      SFU_GATEWAY_KEY_FILE: undefined,
      SFU_GATEWAY_NODES: JSON.stringify({ sfu: nodes }),
    },
    secretsFile: null,
    configFile: null,
  });
  const { attemptTimeoutMs, resetTimeoutMs, windowMs, probeIntervalMs } = pace;
  const app = createApp(
    {
      ...config,
      failover: { ...config.failover, attemptTimeoutMs },
      breaker: { ...config.breaker, resetTimeoutMs, windowMs },
      health: { ...config.health, intervalMs: probeIntervalMs, timeoutMs: attemptTimeoutMs },
    },
    secrets,
    { clock: systemClock, random: systemRandom, logger },
  );
  const { port } = await listen(app, config.listen);
  return { app, port };
}

function publicUrl(name: string): string {
  return `https://${name}.sfu.example`;
}

function randomKey(): string {
  return randomBytes(32).toString("base64");
}
