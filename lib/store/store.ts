import type { Channel } from "../sfu/channel.ts";

/**
 * What the gateways in front of one fleet share, and what each goes on by where it cannot reach the others. A loss costs
 * sharing and never service, so none of its methods rejects, and none takes longer than a moment.
 */
export interface Store {
  /** Names this gateway among those that share the store, another one after each start. */
  readonly instance: string;
  /** Whether what is posted outlives this process, as long as the store is not away. */
  readonly isDurable: boolean;
  /** Whether the others cannot be reached: each goes on by itself. Never where there are none. */
  isAway(): boolean;
  /** The gateways that can be reached, this one among them, in the order of their names. */
  instances(): readonly string[];
  readonly assignments: Assignments;
  readonly board: Board;
  readonly notices: Notices;
  /** Reads what the others have left there. Resolves when that is done, or the store is found to be away. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** Conference → SFU: where the members of a call that is still young are, so that the next one gets there too. */
export interface Assignments {
  /**
   * Waits until no other gateway is asking SFUs for this conference, and takes the turn: an SFU that is asked for one
   * conference by two at a time makes two channels of it (contract.md, «The SFU races with itself»).
   *
   * @throws the reason of `patience.signal` when that is aborted
   */
  enter(conference: string, patience: Patience): Promise<Entry>;
  /** Where a conference is as far as anybody knows, null for nowhere. Moves nothing. */
  find(conference: string): Promise<string | null>;
  /** How many are known to this gateway. */
  size(): number;
}

export interface Patience {
  readonly signal: AbortSignal;
  /** How long to wait for others at the most, in milliseconds: who has waited so long goes ahead. */
  readonly timeoutMs: number;
}

/** What has become of waiting for a turn. */
export type Entry = Turn | Placed;

/** Nobody else asks for the conference until this ends; or nobody could be asked whether somebody does. */
export interface Turn {
  readonly kind: "turn";
  /** The address of the SFU that the conference is assigned to, null for none. */
  readonly home: string | null;
  /**
   * Whether all others hear of it. Where one may not, everybody chooses by what all know alike, so that they agree most of
   * the time.
   */
  readonly isShared: boolean;
  /**
   * Ends it, and assigns the conference unless somebody else has meanwhile, who was given the turn because this gateway
   * seemed to be dead.
   *
   * @param assignment who served it, null where nobody did
   * @returns the address that the conference is assigned to from now on, null for none; at once where nobody else is asked
   */
  end(assignment: Assignment | null): string | null | Promise<string | null>;
}

export interface Assignment {
  readonly address: string;
  readonly channel: Channel;
  /** How long it stays assigned, in milliseconds; 0 for not at all. */
  readonly ttlMs: number;
}

/** Another gateway has asked meanwhile, and this is what it was given. */
export interface Placed {
  readonly kind: "placed";
  readonly address: string;
  readonly channel: Channel;
}

/** What is posted here: `drains` (address → since when, empty where it is over), `registrations` and `reports` by address. */
export const TOPICS = ["drains", "registrations", "reports"] as const;
export type Topic = (typeof TOPICS)[number];

/**
 * What holds until something else is said: by topic and name, and of all that gateways have said of one name the last holds.
 * What is posted while the others are out of reach reaches them later, unless something younger has been posted by then.
 */
export interface Board {
  /**
   * @param ttlMs how long it holds, in milliseconds; null for as long as the store does
   * @returns whether the store has it: always where it is not shared
   */
  post(topic: Topic, name: string, text: string, ttlMs: number | null): Promise<boolean>;
  /** Calls for whatever another gateway posts, and for what was there when the store was opened. Never for the own. */
  on(topic: Topic, listener: (post: Post) => void): void;
}

export interface Post {
  readonly name: string;
  readonly text: string;
  /** How long ago it was posted, in milliseconds. */
  readonly ageMs: number;
}

/** What is only news: it reaches those who can be reached, once. */
export interface Notices {
  tell(notice: Notice): void;
  /** Calls for the notices of other gateways. */
  on(listener: (notice: Heard) => void): void;
}

export type Notice =
  /** An SFU has failed calls or probes of this gateway. To the others a hint to look for themselves, and no order. */
  | { readonly kind: "trouble"; readonly address: string; readonly isBreakerOpen: boolean }
  /** An SFU has given a channel; told by the end of a turn. */
  | {
      readonly kind: "placed";
      readonly address: string;
      readonly channel: Channel;
      /** Whether the conference was not there before. */
      readonly isNew: boolean;
    };

export type Heard = Notice & {
  /** How long ago, in milliseconds. */
  readonly ageMs: number;
};
