import type { Configuration } from "../config/changes.ts";
import type { StoreSettings } from "../config/config.ts";
import { systemClock, systemRandom } from "../clock.ts";
import { messageOf } from "../describe-error.ts";
import { Events } from "../events.ts";
import { createRedisStore } from "../store/redis.ts";

/** `other keys`: it can be used, and what gateways have written there cannot be read with the keys of this one. */
export interface StoreResult {
  readonly state: "fine" | "away" | "other keys";
  /** Those that share it. */
  readonly gateways: number;
  readonly detail: string;
}

/** Connects to the store as a gateway would; null where there is none. For a moment the others see one gateway more. */
export async function askStore({ config, secrets }: Configuration): Promise<StoreResult | null> {
  if (config.store === null) return null;
  const events = new Events();
  const heard: { error: Error | null; isReadable: boolean } = { error: null, isReadable: true };
  events.on("store", ({ error }) => (heard.error = error));
  events.on("unreadable", () => (heard.isReadable = false));
  const store = createRedisStore({
    clock: systemClock,
    random: systemRandom,
    events,
    settings: config.store,
    password: secrets.storePassword,
    sentinelPassword: secrets.sentinelPassword,
    ca: config.tls.ca,
    keys: () => secrets.gatewayKeys,
  });
  try {
    await store.open();
    if (store.isAway()) {
      const reason = reasonOf(heard.error, config.store);
      return { state: "away", gateways: 0, detail: `the store cannot be used: it ${reason}` };
    }
    const gateways = store.instances().filter((name) => name !== store.instance).length;
    const count = `${String(gateways)} ${gateways === 1 ? "gateway" : "gateways"}`;
    if (heard.isReadable) return { state: "fine", gateways, detail: `the store answers (${count})` };
    const why = "holds what cannot be read: do the gateways there have another SFU_GATEWAY_KEY?";
    return { state: "other keys", gateways, detail: `the store answers (${count}), and ${why}` };
  } finally {
    await store.close();
  }
}

function reasonOf(error: Error | null, { isTls }: StoreSettings): string {
  const reason = error === null ? "did not answer in time" : messageOf(error);
  // Who speaks TLS and who does not make each other wait, or hang up.
  if (!/in time|closed|protocol|EPROTO/.test(reason)) return reason;
  return `${reason}; ${isTls ? "does it speak TLS there (else redis)?" : "does it want TLS (rediss)?"}`;
}

/** Where it is found, but for the names: somebody may have put a password in the place of one. */
export function describeStore(settings: StoreSettings | null): string {
  if (settings === null) return "none: this gateway shares nothing with others";
  const kinds = { single: "Redis", sentinel: "Redis by Sentinel", cluster: "a Redis Cluster" };
  return `${kinds[settings.at.kind]}${settings.isTls ? " by TLS" : ""}, the keys begin with ${settings.prefix}:`;
}
