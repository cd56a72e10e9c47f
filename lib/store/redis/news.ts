import { z } from "zod";
import type { Heard, Notice, Notices } from "../store.ts";
import type { Entry } from "./journal.ts";
import type { Seal } from "./seal.ts";
import type { Ended } from "./turn.ts";

/** What is in the journal beside posts: notices, and how turns have ended. */
export interface News extends Notices {
  tellEnd(ended: Ended): void;
  hear(entry: Entry): void;
}

/** Checked by the gateway that wrote it; nobody else can have. */
const endedSchema = z.object({
  placed: z
    .object({
      kind: z.literal("placed"),
      address: z.string(),
      channel: z.object({ uuid: z.string(), url: z.string() }),
      ttlMs: z.number().nonnegative(),
      isNew: z.boolean(),
    })
    .nullable(),
});

const troubleSchema = z.object({ kind: z.literal("trouble"), address: z.string(), isBreakerOpen: z.boolean() });

interface NewsTools {
  readonly seal: Seal;
  /** Writes to the journal, if it can be reached. */
  readonly write: (kind: string, name: string, text: string) => void;
  readonly onEnded: (ended: Ended, ageMs: number) => void;
  readonly onUnreadable: (what: string) => void;
  readonly onError: (error: unknown) => void;
}

export function createNews({ seal, write, onEnded, onUnreadable, onError }: NewsTools): News {
  const listeners: ((heard: Heard) => void)[] = [];

  const put = (kind: string, name: string, news: unknown): void =>
    write(kind, name, seal.seal([kind, name], JSON.stringify(news)));

  const tellListeners = (heard: Heard): void => {
    for (const listener of listeners) {
      try {
        listener(heard);
      } catch (error) {
        onError(error);
      }
    }
  };

  const read = <T>({ kind, name, text }: Entry, schema: z.ZodType<T>): T | null => {
    const opened = seal.open([kind, name], text);
    if (opened === null) onUnreadable(kind === "ended" ? "an assignment" : "a notice");
    // Another version may say it in another way.
    return opened === null ? null : (schema.safeParse(JSON.parse(opened)).data ?? null);
  };

  return {
    on: (listener) => void listeners.push(listener),
    tell: (notice: Notice) => put("notice", "", notice),
    tellEnd: ({ id, placed }) => put("ended", id, { placed }),
    hear(entry) {
      const { kind, name, ageMs } = entry;
      if (kind === "notice") {
        const notice = read(entry, troubleSchema);
        if (notice !== null) tellListeners({ ...notice, ageMs });
      } else if (kind === "ended") {
        const ended = read(entry, endedSchema);
        if (ended === null) return;
        const { placed } = ended;
        onEnded({ id: name, placed }, ageMs);
        if (placed === null) return;
        const { address, channel, isNew } = placed;
        tellListeners({ kind: "placed", address, channel, isNew, ageMs });
      }
    },
  };
}
