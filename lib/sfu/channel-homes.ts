import type { Clock } from "../clock.ts";
import { createTtlCache } from "../ttl-cache.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

/** Which SFU has a channel: learned from the answers that went out, and from what the SFUs' statistics list. */
export interface ChannelHomes {
  /** That it gave this channel in answer to a request. */
  learn(uuid: string, sfu: Sfu): void;
  /**
   * That its statistics list these. That is its own word: it stands back behind an answer, one that registered itself is
   * not believed, and a channel that two SFUs list is nobody's, so that all are asked. Else one of them could have the
   * disconnects of another's calls sent to itself.
   */
  learnListed(uuids: readonly string[], sfu: Sfu): void;
  /** Null where this gateway does not know, or it was too long ago, or its SFU has left since. */
  of(uuid: string): Sfu | null;
}

/**
 * A call outlives neither its working day nor this. Odoo asks for a channel once a call, so nothing renews an answer; one
 * that is gone too soon costs a question to every SFU, and no session.
 */
const TTL_MS = 24 * 3_600_000;

/** More calls than a fleet of a hundred SFUs has in a day; some 20 MB. As many again that are only listed. */
const MAX_CHANNELS = 100_000;

/** Five times a large SFU's: nobody's list shall push out all others'. */
const MAX_LISTED = 10_000;

/** An entry of the registry may be replaced, its address stays. */
interface Listed {
  /** Null where several list it. */
  readonly address: string | null;
}

const DISPUTED: Listed = { address: null };

export function createChannelHomes(registry: Pick<Registry, "get">, clock: Clock): ChannelHomes {
  /** By uuid: the SFU's address. */
  const answered = createTtlCache<string>(MAX_CHANNELS, TTL_MS, clock);
  /** Beside it, for channels that are listed must not push out those that were answered. */
  const listed = createTtlCache<Listed>(MAX_CHANNELS, TTL_MS, clock);

  const byAnswer = (uuid: string): Sfu | null => {
    const address = answered.get(uuid);
    if (address === undefined) return null;
    const sfu = registry.get(address);
    // Whoever has that address next is not the one that made the channel.
    if (sfu === null) answered.delete(uuid);
    return sfu;
  };

  const byList = (uuid: string): Sfu | null => {
    const address = listed.get(uuid)?.address ?? null;
    if (address === null) return null;
    const sfu = registry.get(address);
    if (sfu === null) listed.delete(uuid);
    return sfu;
  };

  return {
    learn: (uuid, { address }) => void answered.set(uuid, address),
    learnListed(uuids, { address, source }) {
      if (source === "heartbeat") return;
      const own: Listed = { address };
      for (const uuid of uuids.slice(0, MAX_LISTED)) {
        // Most have been there ten seconds ago. A dispute is not renewed: it is over a day after it began, or begins anew.
        const present = listed.get(uuid);
        if (present?.address === address || present === DISPUTED || byAnswer(uuid) !== null) continue;
        listed.set(uuid, byList(uuid) === null ? own : DISPUTED);
      }
    },
    of: (uuid) => byAnswer(uuid) ?? byList(uuid),
  };
}
