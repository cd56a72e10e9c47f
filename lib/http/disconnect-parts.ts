import type { ChannelSessions } from "../auth/verify-disconnect.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import type { Registry } from "../sfu/registry.ts";
import { isSilent, type Sfu } from "../sfu/sfu.ts";

/** What one SFU is told. */
export interface DisconnectPart {
  readonly sfu: Sfu;
  /** Whether it is known to have one of them. */
  readonly isHome: boolean;
  readonly channels: readonly ChannelSessions[];
}

export interface DisconnectParts {
  /** In the order in which they are to be told. */
  readonly parts: readonly DisconnectPart[];
  /** How many channels there are. */
  readonly channels: number;
  /** How many of them are on nobody knows which SFU, so that all are told. */
  readonly unknown: number;
  /** How many SFUs are not told of those, being down or expired. */
  readonly silent: number;
}

/**
 * One part for each SFU that may have one of these channels, those first that are known to. One that is drained, full or
 * suspected still has its sessions, and so may have one that nobody knows the place of. One that is silent has none any
 * more, as far as anybody can tell, and each question to it would end in a timeout, and every such disconnect in a 502,
 * for as long as it is gone. Where it is known to have the channel it is asked all the same.
 */
export function partBySfu(
  channels: readonly ChannelSessions[],
  {
    homes,
    registry,
  }: { readonly homes: Pick<ChannelHomes, "of">; readonly registry: Pick<Registry, "all" | "health"> },
): DisconnectParts {
  const known = new Map<Sfu, ChannelSessions[]>();
  const unknown: ChannelSessions[] = [];
  for (const channel of channels) {
    const sfu = homes.of(channel[0]);
    const place = sfu === null ? unknown : (known.get(sfu) ?? []);
    place.push(channel);
    if (sfu !== null) known.set(sfu, place);
  }
  const others = unknown.length === 0 ? [] : registry.all().filter((sfu) => !known.has(sfu));
  const asked = others.filter((sfu) => !isSilent(registry.health(sfu)));
  return {
    parts: [
      ...Array.from(known, ([sfu, own]) => ({ sfu, isHome: true, channels: [...own, ...unknown] })),
      ...asked.map((sfu) => ({ sfu, isHome: false, channels: unknown })),
    ],
    channels: channels.length,
    unknown: unknown.length,
    silent: others.length - asked.length,
  };
}
