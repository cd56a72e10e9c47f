import { type Clock, sleep, turnsOfTheLoop } from "../../clock.ts";
import { toError } from "../../errors.ts";
import { orderFor } from "../../rendezvous.ts";
import type { Assignment, Assignments, Placed, Turn } from "../store.ts";
import { idOf, type Keys } from "./keys.ts";
import type { Link } from "./link.ts";
import type { Mirror, Mirrored } from "./mirror.ts";
import { call, END, ENTER, RENEW, RESTORE } from "./scripts.ts";
import type { Run } from "./session.ts";
import type { Waiters } from "./waiters.ts";

/** Assignments with what only their own store needs of them. */
export interface SharedAssignments extends Assignments {
  /** Takes in how another gateway's turn has ended. */
  hear(ended: Ended, ageMs: number): void;
  /** Writes what this gateway assigned, where the store lost it or never had it. */
  restore(run: Run, which: (mirrored: Mirrored) => boolean): Promise<void>;
}

/** What the others are told of a turn that has ended. */
export interface Ended {
  readonly id: string;
  /** Null where nobody served the conference. */
  readonly placed: (Placed & Pick<Assignment, "ttlMs"> & { readonly isNew: boolean }) | null;
}

export interface AssignmentsTools {
  readonly clock: Clock;
  readonly instance: string;
  /** The gateways that were last seen, for a time in which they cannot be asked. */
  readonly lastKnown: () => readonly string[];
  readonly keys: Keys;
  readonly link: Link;
  readonly mirror: Mirror;
  readonly waiters: Waiters;
  readonly tellEnd: (ended: Ended) => void;
}

/** Of a turn, in milliseconds: so long others wait for a gateway that has died. Who lives renews it in time. */
const LEASE_MS = 500;

/**
 * Between gateways that cannot ask each other, in milliseconds: an SFU answers a join in three, and a busy one, or one on
 * another continent, in a hundred. The longest is for whoever comes fifth or later: by then the first has its channel.
 */
const STAGGER_MS = 100;
const LONGEST_STAGGER_MS = 400;
/** The share of the patience that it may use up. */
const STAGGER_SHARE = 0.35;

/** So many commands at once take some milliseconds, and a call waits for no more. */
const RESTORED_AT_ONCE = 100;

export function createAssignments(tools: AssignmentsTools): SharedAssignments {
  const { clock, instance, lastKnown, keys, link, mirror, waiters, tellEnd } = tools;
  let turns = 0;

  const turnKeys = (id: string): [string, string] => [keys.home(id), keys.turn(id)];

  /** Puts on record how a turn ended. Never rejects: what cannot be recorded is told later. */
  const record = async (
    id: string,
    owner: string,
    home: string | null,
    assignment: Assignment,
  ): Promise<string | null> => {
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
      const reply = await link.run(call(END, turnKeys(id), args));
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

  const giveUp = async (id: string, owner: string): Promise<void> => {
    try {
      const [awaited] = (await link.run(call(END, turnKeys(id), [owner, "", "0", ""]))) as readonly [number];
      if (awaited === 1) tellEnd({ id, placed: null });
    } catch {
      // The lease runs out.
    }
    waiters.wake(id, null, 0);
  };

  const begin = (id: string, owner: string, home: string | null, kind: "held" | "shared" | "alone"): Turn => {
    const renew = (): void => void link.run(call(RENEW, [keys.turn(id)], [owner, String(LEASE_MS)])).catch(() => null);
    const stopRenewing = kind === "held" ? clock.every(LEASE_MS / 3, renew) : () => null;
    let ended: Promise<string | null> | null = null;
    const end = (assignment: Assignment | null): Promise<string | null> => {
      stopRenewing();
      if (assignment === null) {
        void giveUp(id, owner);
        return Promise.resolve(home);
      }
      const { address, ttlMs } = assignment;
      const recorded = record(id, owner, home, assignment);
      // What is not to be on record need not be waited for; nor what is, unless somebody else may have had the turn.
      if (ttlMs === 0) return Promise.resolve(null);
      return address === home && kind === "held" ? Promise.resolve(address) : recorded;
    };
    return { kind: "turn", home, isShared: kind !== "alone", end: (assignment) => (ended ??= end(assignment)) };
  };

  /** How long somebody else's turn lasts, 0 where this is now the owner's; null where nobody can be asked. */
  const ask = async (
    id: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<{ readonly leaseMs: number; readonly home: string | null } | null> => {
    const remembered = mirror.get(id);
    const leftMs = remembered === null ? 0 : Math.ceil(remembered.untilMs - clock.monotonic());
    const memory = remembered === null || leftMs <= 0 ? ["", "0"] : [remembered.address, String(leftMs)];
    const asked = link.run(call(ENTER, turnKeys(id), [owner, String(LEASE_MS), ...memory]));
    try {
      const [leaseMs, home] = (await orAborted(asked, signal)) as readonly [number, string | null];
      return { leaseMs, home };
    } catch {
      if (!signal.aborted) return null;
      // It may just have been granted.
      asked.then(
        () => giveUp(id, owner),
        () => null,
      );
      throw toError(signal.reason);
    }
  };

  const enterAlone = async (conference: string, id: string, signal: AbortSignal, leftMs: number): Promise<Turn> => {
    if (mirror.get(id) === null) {
      const place = orderFor(conference, lastKnown()).indexOf(instance);
      const pauseMs = Math.min(place * STAGGER_MS, LONGEST_STAGGER_MS, leftMs * STAGGER_SHARE);
      if (pauseMs > 0) await sleep(clock, pauseMs, signal);
    }
    return begin(id, `${instance}.${String(++turns)}`, mirror.get(id)?.address ?? null, "alone");
  };

  return {
    async enter(conference, { signal, timeoutMs }) {
      if (signal.aborted) throw toError(signal.reason);
      const id = idOf(conference);
      const untilMs = clock.monotonic() + timeoutMs;
      while (link.isUp()) {
        const owner = `${instance}.${String(++turns)}`;
        const waiter = waiters.join(id);
        try {
          const asked = await ask(id, owner, signal);
          if (asked === null) break;
          const leftMs = untilMs - clock.monotonic();
          if (asked.leaseMs === 0) return begin(id, owner, asked.home, "held");
          if (leftMs <= 0) return begin(id, owner, asked.home, "shared");
          const placed = await waiter.ended(Math.min(asked.leaseMs + 1, leftMs), signal);
          if (placed !== null) return placed;
        } finally {
          waiter.leave();
        }
      }
      return enterAlone(conference, id, signal, Math.max(0, untilMs - clock.monotonic()));
    },

    async find(conference) {
      const id = idOf(conference);
      const key = keys.home(id);
      try {
        return (await link.run({ name: "find", key, args: ["GET", key] })) as string | null;
      } catch {
        return mirror.get(id)?.address ?? null;
      }
    },

    size: () => mirror.size(),

    hear({ id, placed }, ageMs) {
      if (placed !== null && placed.ttlMs > ageMs) {
        const untilMs = clock.monotonic() + placed.ttlMs - ageMs;
        mirror.set(id, { address: placed.address, untilMs, isOwn: false, isPending: false, before: null });
      }
      const { address = "", channel = null } = placed ?? {};
      waiters.wake(id, channel === null ? null : { kind: "placed", address, channel }, ageMs);
    },

    async restore(run, which) {
      const lost = mirror.own().filter(([, mirrored]) => which(mirrored));
      for (let index = 0; index < lost.length; index += RESTORED_AT_ONCE) {
        const some = lost.slice(index, index + RESTORED_AT_ONCE);
        await Promise.all(
          some.map(async ([id, mirrored]) => {
            const leftMs = Math.ceil(mirrored.untilMs - clock.monotonic());
            if (leftMs <= 0) return;
            const args = [mirrored.address, String(leftMs), mirrored.isPending ? (mirrored.before ?? "") : ""];
            const home = (await run(call(RESTORE, [keys.home(id)], args))) as string;
            // Whatever has become of it here meanwhile is on its way there.
            if (mirror.get(id) !== mirrored) return;
            mirror.set(id, { ...mirrored, address: home, isOwn: home === mirrored.address, isPending: false });
          }),
        );
        await turnsOfTheLoop(1);
      }
    },
  };
}

/** @throws the reason of `signal` as soon as that is aborted */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(toError(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    work.finally(() => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}
