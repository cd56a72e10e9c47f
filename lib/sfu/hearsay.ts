import { FILLING_MS, type Ledger } from "../balancing/ledger.ts";
import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Heard, Store } from "../store/store.ts";
import type { ChannelHomes } from "./channel-homes.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

export interface HearsayTools {
  readonly clock: Pick<Clock, "monotonic">;
  readonly events: Pick<Events, "on">;
  readonly registry: Pick<Registry, "get">;
  readonly ledger: Pick<Ledger, "claim">;
  readonly homes: Pick<ChannelHomes, "learn">;
  readonly store: Pick<Store, "notices">;
}

/** Bounds the memory, at about 300 bytes each: what 160 calls begin in each second of {@link FILLING_MS}. */
const MAX_EARLY = 10_000;

type Placement = Extract<Heard, { readonly kind: "placed" }>;

/**
 * What the other gateways have placed counts here as well, or all of them would send their next conferences to the SFU that
 * looks best to each; and any gateway can end any call. A gateway that has just started hears of it before it hears of the
 * SFUs that have registered themselves.
 */
export function heedPlacements({ clock, events, registry, ledger, homes, store }: HearsayTools): void {
  const early = createEarly(clock);

  const heed = (sfu: Sfu, { channel, isNew, ageMs }: Placement): void => {
    homes.learn(channel.uuid, sfu);
    if (isNew && ageMs < FILLING_MS) ledger.claim(sfu, ageMs);
  };

  store.notices.on((notice) => {
    if (notice.kind !== "placed") return;
    const sfu = registry.get(notice.address);
    if (sfu === null) early.keep(notice);
    else heed(sfu, notice);
  });
  events.on("sfuAdded", ({ sfu }) => {
    for (const placement of early.take(sfu.address)) heed(sfu, placement);
  });
}

/** What was placed on SFUs that are not known here yet, for as long as it may count. */
interface Early {
  keep(placement: Placement): void;
  /** What there is of an address, as old as it is by now. It is forgotten here. */
  take(address: string): readonly Placement[];
}

function createEarly(clock: HearsayTools["clock"]): Early {
  /** By address, whose first one came first. */
  const kept = new Map<string, { readonly placement: Placement; readonly saidAtMs: number }[]>();
  let count = 0;

  const forget = (address: string): void => {
    count -= kept.get(address)?.length ?? 0;
    kept.delete(address);
  };

  return {
    keep(placement) {
      const { address, ageMs } = placement;
      // Who has waited longest may never come.
      const [oldest] = kept.keys();
      if (count >= MAX_EARLY && oldest !== undefined) forget(oldest);
      const entry = { placement, saidAtMs: clock.monotonic() - ageMs };
      const list = kept.get(address);
      if (list === undefined) kept.set(address, [entry]);
      else list.push(entry);
      count++;
    },
    take(address) {
      const nowMs = clock.monotonic();
      const list = kept.get(address) ?? [];
      forget(address);
      return list
        .map(({ placement, saidAtMs }) => ({ ...placement, ageMs: nowMs - saidAtMs }))
        .filter(({ ageMs }) => ageMs < FILLING_MS);
    },
  };
}
