import { toError } from "../../errors.ts";

/** One message: `NAME=value` fields. */
export type Fields = readonly string[];

export interface MailboxParts {
  /** @throws an error whose message says what it did */
  readonly send: (fields: Fields) => Promise<void>;
  /** Called for the first message in a row that could not be sent. */
  readonly onTrouble: (why: string) => void;
}

export interface Mailbox {
  /**
   * @param fields asked for when its turn has come
   * @returns what resolves once the message was sent, could not be, or will not be any more
   */
  post(kind: string, fields: () => Fields): Promise<void>;
  /** What still waits is not worth saying any more. */
  clear(): void;
}

interface Waiting {
  readonly fields: () => Fields;
  readonly done: () => void;
}

/**
 * Sends messages one after the other, in order. Of each kind only the latest waits, so that a slow receiver meets no
 * more messages than there are kinds, however many were posted meanwhile.
 */
export function createMailbox({ send, onTrouble }: MailboxParts): Mailbox {
  const waiting = new Map<string, Waiting>();
  let isSending = false;
  let isTroubled = false;

  const sendOne = async ({ fields, done }: Waiting): Promise<void> => {
    try {
      await send(fields());
      isTroubled = false;
    } catch (error) {
      if (!isTroubled) onTrouble(toError(error).message);
      isTroubled = true;
    }
    done();
  };

  const work = async (): Promise<void> => {
    isSending = true;
    for (let first = firstOf(waiting); first !== null; first = firstOf(waiting)) await sendOne(first);
    isSending = false;
  };

  return {
    post: (kind, fields) =>
      new Promise<void>((resolve) => {
        waiting.get(kind)?.done();
        // Behind all others, for what it says is younger than they are.
        waiting.delete(kind);
        waiting.set(kind, { fields, done: resolve });
        if (!isSending) void work();
      }),
    clear() {
      for (const { done } of waiting.values()) done();
      waiting.clear();
    },
  };
}

function firstOf(waiting: Map<string, Waiting>): Waiting | null {
  for (const [kind, message] of waiting) {
    waiting.delete(kind);
    return message;
  }
  return null;
}
