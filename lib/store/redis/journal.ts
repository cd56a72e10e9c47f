import type { ServerTime } from "./server-time.ts";
import type { Command, Session } from "./session.ts";

/** One line of what gateways tell each other. */
export interface Entry {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
  /** How long ago, in milliseconds. */
  readonly ageMs: number;
  /** Whether it is from before the session: who has looked at the board since has what it says of that. */
  readonly isBacklog: boolean;
}

export interface Journal {
  /** Reads for as long as the session lasts: from where the last one ended, so that nothing is missed in between. */
  follow(session: Session): void;
  /** Where another server is there, or it was emptied: what is to come there has numbers of its own. */
  checkPosition(): void;
}

/** How far back a gateway reads that has just started, in milliseconds: conferences so young are in no report yet. */
const MEMORY_MS = 60_000;

const BLOCK_MS = 500;
/** Redis looks ten times a second which of those who wait have waited long enough. */
const BLOCK_SLACK_MS = 200;
const ENTRIES_AT_ONCE = 500;

/** Two clocks that agree as well as they can. */
const CLOCK_SLACK_MS = 1000;

/** By so much the time of the store may be misjudged; what is told twice is heard once. */
const OVERLAP_MS = 100;

interface JournalTools {
  readonly instance: string;
  readonly key: string;
  readonly time: ServerTime;
  readonly hear: (entry: Entry) => void;
}

export function createJournal({ instance, key, time, hear }: JournalTools): Journal {
  let position: string | null = null;

  const checkPosition = (): void => {
    const nowMs = time.now();
    position ??= `${String(nowMs - MEMORY_MS)}-0`;
    if (msOf(position) > nowMs + CLOCK_SLACK_MS) position = `${String(nowMs)}-0`;
  };

  const read = (from: string): Command => ({
    name: "read",
    key,
    args: ["XREAD", "COUNT", String(ENTRIES_AT_ONCE), "BLOCK", String(BLOCK_MS), "STREAMS", key, from],
  });

  const follow = async (session: Session): Promise<void> => {
    checkPosition();
    const sinceMs = time.now() - OVERLAP_MS;
    while (!session.signal.aborted) {
      const from: string = position ?? "$";
      const reply = await session.wait(read(from), BLOCK_MS + BLOCK_SLACK_MS);
      const entries = entriesOf(reply);
      // Unless it has been set back meanwhile.
      if (position === from) position = entries.at(-1)?.id ?? from;
      for (const { id, fields } of entries) {
        const { from: author, kind = "", name = "", text = "" } = fields;
        if (author !== instance)
          hear({ kind, name, text, ageMs: Math.max(0, time.now() - msOf(id)), isBacklog: msOf(id) < sinceMs });
      }
    }
  };

  return {
    follow: (session) => void follow(session).catch((error: unknown) => session.fail(error)),
    checkPosition,
  };
}

/** Of an XREAD: one stream with its entries, or nothing. */
function entriesOf(
  reply: unknown,
): readonly { readonly id: string; readonly fields: Readonly<Record<string, string>> }[] {
  const [[, entries] = []] = (reply ?? []) as readonly (readonly [string, readonly (readonly [string, string[]])[]])[];
  return (entries ?? []).map(([id, list]) => {
    const pairs = list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ""]] : []));
    return { id, fields: Object.fromEntries(pairs) as Record<string, string> };
  });
}

function msOf(id: string): number {
  return Number(id.split("-", 1)[0]);
}
