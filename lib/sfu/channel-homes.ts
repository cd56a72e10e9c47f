import type { Clock } from "../clock.ts";
import { createTtlCache } from "../ttl-cache.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

/** Which SFU made a channel: learned from the answers that went out. */
export interface ChannelHomes {
  learn(uuid: string, sfu: Sfu): void;
  /** Null where this gateway has not seen the channel, or it was too long ago, or its SFU has left since. */
  of(uuid: string): Sfu | null;
}

/**
 * A call outlives neither its working day nor this. Odoo asks for a channel once a call, so nothing renews an entry; one
 * that is gone too soon costs a question to every SFU, and no session.
 */
const TTL_MS = 24 * 3_600_000;

/** More calls than a fleet of a hundred SFUs has in a day; some 20 MB. */
const MAX_CHANNELS = 100_000;

export function createChannelHomes(registry: Pick<Registry, "get">, clock: Clock): ChannelHomes {
  /** By uuid: the SFU's address. An entry of the registry may be replaced, its address stays. */
  const addresses = createTtlCache<string>(MAX_CHANNELS, TTL_MS, clock);
  return {
    learn: (uuid, { address }) => void addresses.set(uuid, address),
    of(uuid) {
      const address = addresses.get(uuid);
      if (address === undefined) return null;
      const sfu = registry.get(address);
      // Whoever has that address next is not the one that made the channel.
      if (sfu === null) addresses.delete(uuid);
      return sfu;
    },
  };
}
