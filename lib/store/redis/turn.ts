import type { Clock } from "../../clock.ts";
import type { Assignment, Placed, Turn } from "../store.ts";
import type { Keys } from "./keys.ts";
import { holdLease, LEASE_MS } from "./lease.ts";
import type { Link } from "./link.ts";
import type { Mirror } from "./mirror.ts";
import { call, END, RENEW } from "./scripts.ts";
import type { Waiters } from "./waiters.ts";

/** Turns from when they have been taken to their end. */
export interface Turns {
  begin(taken: Taken): Turn;
  /** Ends one that brought nothing. Never rejects. */
  giveUp(id: string, owner: string): Promise<void>;
}

export interface Taken {
  /** Of the conference. */
  readonly id: string;
  /** Names the turn among all of all gateways. */
  readonly owner: string;
  readonly home: string | null;
  /** `shared`: somebody else has it too, and there was no more patience. `alone`: nobody could be asked. */
  readonly by: { readonly kind: "held"; readonly askedMs: number } | { readonly kind: "shared" | "alone" };
}

/** What the others are told of a turn that has ended. */
export interface Ended {
  readonly id: string;
  /** Null where nobody served the conference. */
  readonly placed: (Placed & Pick<Assignment, "ttlMs"> & { readonly isNew: boolean }) | null;
}

export interface TurnsTools {
  readonly clock: Clock;
  readonly keys: Keys;
  readonly link: Link;
  readonly mirror: Mirror;
  readonly waiters: Waiters;
  readonly tellEnd: (ended: Ended) => void;
  /** Whether another gateway may be placing conferences without hearing of this one's. */
  readonly isAnyoneApart: () => boolean;
}

export function createTurns(tools: TurnsTools): Turns {
  const { clock, keys, link, mirror, waiters, tellEnd, isAnyoneApart } = tools;

  /** Puts on record how a turn ended. Never rejects: what cannot be recorded is told later. */
  const record = async ({ id, owner, home }: Taken, assignment: Assignment): Promise<string | null> => {
    const { address, channel, ttlMs } = assignment;
    const placed = { kind: "placed", address, channel } as const;
    const untilMs = clock.monotonic() + ttlMs;
    const former = mirror.get(id);
    // Of several moves while the store is away it knows what was before the first.
    const before = former?.isPending === true ? former.before : home;
    const mine = { address, untilMs, isOwn: true, isPending: true, before };
    if (ttlMs > 0) mirror.set(id, mine);
    let inForce: string | null = address;
    try {
      const args = [owner, address, String(Math.ceil(ttlMs)), home ?? ""];
      const reply = await link.run(call(END, [keys.home(id), keys.turn(id)], args));
      const [awaited, there] = reply as readonly [number, string | null];
      if (ttlMs > 0) inForce = there;
      if (inForce === address) {
        if (ttlMs > 0) mirror.set(id, { ...mine, isPending: false });
        const isNew = address !== home;
        if (isNew || awaited === 1) tellEnd({ id, placed: { ...placed, ttlMs, isNew } });
      } else {
        if (inForce !== null) mirror.set(id, { ...mine, address: inForce, isOwn: false, isPending: false });
        if (awaited === 1) tellEnd({ id, placed: null });
      }
    } catch {
      // The store is away: it is as this gateway says.
    }
    waiters.wake(id, inForce === address ? placed : null, 0);
    return ttlMs > 0 ? inForce : null;
  };

  const giveUp: Turns["giveUp"] = async (id, owner) => {
    try {
      const reply = await link.run(call(END, [keys.home(id), keys.turn(id)], [owner, "", "0", ""]));
      const [awaited] = reply as readonly [number];
      if (awaited === 1) tellEnd({ id, placed: null });
    } catch {
      // The lease runs out.
    }
    waiters.wake(id, null, 0);
  };

  const begin: Turns["begin"] = (taken) => {
    const { id, owner, home, by } = taken;
    const renew = async (): Promise<boolean> =>
      (await link.run(call(RENEW, [keys.turn(id)], [owner, String(LEASE_MS)]))) === 1;
    const lease = by.kind === "held" ? holdLease({ clock, askedMs: by.askedMs, renew }) : null;
    let ended: Promise<string | null> | null = null;
    const end = (assignment: Assignment | null): Promise<string | null> => {
      lease?.stopRenewing();
      if (assignment === null) {
        void giveUp(id, owner);
        return Promise.resolve(home);
      }
      const { address, ttlMs } = assignment;
      const recorded = record(taken, assignment);
      // What is not to be on record need not be waited for; nor what is, unless somebody else may have had the turn.
      if (ttlMs === 0) return Promise.resolve(null);
      return address === home && lease?.isUnbroken() === true ? Promise.resolve(address) : recorded;
    };
    const isShared = by.kind !== "alone" && !isAnyoneApart();
    return { kind: "turn", home, isShared, end: (assignment) => (ended ??= end(assignment)) };
  };

  return { begin, giveUp };
}
