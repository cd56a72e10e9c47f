import type { Random } from "../../../lib/clock.ts";

/** Who calls next. */
export interface Conferences {
  /** The conference of the next few members, and how many of them join at the same moment. */
  next(nowMs: number): { readonly iss: string; readonly members: number };
}

/** How long others go on joining one that has begun, in milliseconds. */
const LASTS_MS = 12_000;

/** How often somebody begins one, where he could join one as well. */
const NEW_ONES = 0.3;

const MOST_AT_ONCE = 6;

/**
 * Calls as Odoo makes them (contract.md): a conference begins with up to six members who join at the same moment, from
 * whichever Odoo worker; others follow by ones and twos while it lasts.
 */
export function createConferences(name: string, random: Random): Conferences {
  const live: { readonly iss: string; readonly untilMs: number }[] = [];
  let count = 0;
  const upTo = (most: number): number => 1 + Math.floor(random() * most);
  return {
    next(nowMs) {
      while (live[0] !== undefined && live[0].untilMs < nowMs) live.shift();
      const joined = random() < NEW_ONES ? undefined : live[Math.floor(random() * live.length)];
      if (joined !== undefined) return { iss: joined.iss, members: upTo(2) };
      const iss = `https://odoo.example.com:channel:${name}-${String(++count)}`;
      live.push({ iss, untilMs: nowMs + LASTS_MS });
      return { iss, members: upTo(MOST_AT_ONCE) };
    },
  };
}
