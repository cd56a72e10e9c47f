import { FILLING_MS, type Ledger } from "../balancing/ledger.ts";
import type { Store } from "../store/store.ts";
import type { ChannelHomes } from "./channel-homes.ts";
import type { Registry } from "./registry.ts";

export interface HearsayTools {
  readonly registry: Pick<Registry, "get">;
  readonly ledger: Pick<Ledger, "claim">;
  readonly homes: Pick<ChannelHomes, "learn">;
  readonly store: Pick<Store, "notices">;
}

/**
 * What the other gateways have placed counts here as well, or all of them would send their next conferences to the SFU that
 * looks best to each; and any gateway can end any call.
 */
export function heedPlacements({ registry, ledger, homes, store }: HearsayTools): void {
  store.notices.on((notice) => {
    if (notice.kind !== "placed") return;
    const { address, channel, isNew, ageMs } = notice;
    const sfu = registry.get(address);
    if (sfu === null) return;
    homes.learn(channel.uuid, sfu);
    if (isNew && ageMs < FILLING_MS) ledger.claim(sfu, ageMs);
  });
}
