import type { ChannelSessions } from "../auth/verify-disconnect.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import type { Registry } from "../sfu/registry.ts";
import type { Sfu } from "../sfu/sfu.ts";

/** What one SFU is told. */
export interface DisconnectPart {
  readonly sfu: Sfu;
  readonly channels: readonly ChannelSessions[];
}

export interface DisconnectParts {
  /** In the order in which they are to be told. */
  readonly parts: readonly DisconnectPart[];
  /** How many channels there are. */
  readonly channels: number;
  /** How many of them are on nobody knows which SFU, so that all are told. */
  readonly unknown: number;
}

/**
 * One part for each SFU that may have one of these channels: those that made one first; those that are silent last, or
 * they would keep the others waiting. None is left out: an SFU that is drained, full or suspected still has its sessions.
 */
export function partBySfu(
  channels: readonly ChannelSessions[],
  { homes, registry }: { readonly homes: ChannelHomes; readonly registry: Pick<Registry, "all" | "health"> },
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
  const isSilent = (sfu: Sfu): boolean => ["down", "expired"].includes(registry.health(sfu).state);
  return {
    parts: [
      ...Array.from(known, ([sfu, own]) => ({ sfu, channels: [...own, ...unknown] })),
      ...others.filter((sfu) => !isSilent(sfu)).map((sfu) => ({ sfu, channels: unknown })),
      ...others.filter(isSilent).map((sfu) => ({ sfu, channels: unknown })),
    ],
    channels: channels.length,
    unknown: unknown.length,
  };
}
