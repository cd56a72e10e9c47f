import { type Clock, sleep } from "../../clock.ts";
import { toError } from "../../errors.ts";
import { orderFor } from "../../rendezvous.ts";
import type { Assignments, Turn } from "../store.ts";
import { idOf, type Keys } from "./keys.ts";
import { LEASE_MS } from "./lease.ts";
import type { Link } from "./link.ts";
import type { Mirror } from "./mirror.ts";
import { call, ENTER } from "./scripts.ts";
import type { Turns } from "./turn.ts";
import type { Waiters } from "./waiters.ts";

export interface EnterTools {
  readonly clock: Clock;
  readonly instance: string;
  /** The gateways that were last seen, for a time in which they cannot be asked. */
  readonly lastKnown: () => readonly string[];
  readonly keys: Keys;
  readonly link: Link;
  readonly mirror: Mirror;
  readonly waiters: Waiters;
  readonly turns: Turns;
}

/**
 * Between gateways that cannot ask each other, in milliseconds: an SFU answers a join in three, and a busy one, or one on
 * another continent, in a hundred. The longest is for whoever comes fifth or later: by then the first has its channel.
 */
const STAGGER_MS = 100;
const LONGEST_STAGGER_MS = 400;
/** The share of the patience that it may use up. */
const STAGGER_SHARE = 0.35;

export function createEnter(tools: EnterTools): Assignments["enter"] {
  const { clock, instance, lastKnown, keys, link, mirror, waiters, turns } = tools;
  let taken = 0;
  const nextOwner = (): string => `${instance}.${String(++taken)}`;

  /** How long somebody else's turn lasts, 0 where this is now the owner's; null where nobody can be asked. */
  const ask = async (
    id: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<{ readonly leaseMs: number; readonly home: string | null } | null> => {
    const remembered = mirror.get(id);
    const leftMs = remembered === null ? 0 : Math.ceil(remembered.untilMs - clock.monotonic());
    const memory = remembered === null || leftMs <= 0 ? ["", "0"] : [remembered.address, String(leftMs)];
    const args = [owner, String(LEASE_MS), ...memory];
    const asked = link.run(call(ENTER, [keys.home(id), keys.turn(id)], args));
    try {
      const [leaseMs, home] = (await orAborted(asked, signal)) as readonly [number, string | null];
      return { leaseMs, home };
    } catch {
      if (!signal.aborted) return null;
      // It may just have been granted.
      asked.then(
        () => turns.giveUp(id, owner),
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
    const home = mirror.get(id)?.address ?? null;
    return turns.begin({ id, owner: nextOwner(), home, by: { kind: "alone" } });
  };

  return async (conference, { signal, timeoutMs }) => {
    if (signal.aborted) throw toError(signal.reason);
    const id = idOf(conference);
    const untilMs = clock.monotonic() + timeoutMs;
    while (link.isUp()) {
      const owner = nextOwner();
      const waiter = waiters.join(id);
      try {
        const askedMs = clock.monotonic();
        const asked = await ask(id, owner, signal);
        if (asked === null) break;
        const { leaseMs, home } = asked;
        const leftMs = untilMs - clock.monotonic();
        if (leaseMs === 0) return turns.begin({ id, owner, home, by: { kind: "held", askedMs } });
        if (leftMs <= 0) return turns.begin({ id, owner, home, by: { kind: "shared" } });
        const placed = await waiter.ended(Math.min(leaseMs + 1, leftMs), signal);
        if (placed !== null) return placed;
      } finally {
        waiter.leave();
      }
    }
    return enterAlone(conference, id, signal, Math.max(0, untilMs - clock.monotonic()));
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
