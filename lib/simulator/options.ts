import type { Clock, Random } from "../clock.ts";
import type { SimulatedChannel } from "./channels.ts";
import { families } from "./families.ts";
import type { SfuFamily } from "./family.ts";
import type { LifeSettings } from "./life.ts";
import { decodeKey } from "./token.ts";

export interface SimulatedSfuOptions {
  /** The AUTH_KEY, base64 text. */
  readonly key: string;
  /** "odoo-sfu". */
  readonly family?: SfuFamily;
  /** Whether X-Forwarded-* is trusted, like `PROXY`; true. */
  readonly proxy?: boolean;
  /** The host of the returned `url` where no X-Forwarded-Host says otherwise; "127.0.0.1". */
  readonly publicIp?: string;
  /** On 127.0.0.1; 0, the default, takes any free one. */
  readonly port?: number;
  /** What o-sfu wants to see for `/v1/stats`; without it anybody on loopback may read them. */
  readonly diagnosticsToken?: string;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * How long a join takes after its `iss` has been looked up; 0.5 to 3 ms, evenly spread. A `max` of 0 sets no timer,
   * and then simultaneous joins cannot race.
   */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  /** Told of each channel in the moment of its making, before anybody is answered. */
  readonly onChannel?: (channel: SimulatedChannel) => void;
  /** How many of the latest requests are remembered; 10,000. */
  readonly maxRequests?: number;
}

/** @throws {RangeError} for a key that the family refuses to start with */
export function lifeSettingsOf(options: SimulatedSfuOptions): LifeSettings {
  const family = families[options.family ?? "odoo-sfu"];
  const authKey = decodeKey(options.key);
  if (options.key === "" || authKey.length < family.minKeyBytes) {
    throw new RangeError(`AUTH_KEY: expected base64 text of at least ${Math.max(family.minKeyBytes, 1)} bytes`);
  }
  return {
    family,
    authKey,
    diagnosticsToken: options.diagnosticsToken ?? null,
    clock: options.clock,
    random: options.random,
    latencyMs: options.latencyMs ?? { min: 0.5, max: 3 },
    onChannel: options.onChannel ?? (() => undefined),
  };
}
