import type { AuthKey } from "../auth/keys.ts";
import type { Secret } from "../auth/secret.ts";

/**
 * What is known of an SFU from its probes, its heartbeats and the calls that it was asked to take. `sinceMs` is wall
 * clock milliseconds, a reason goes on after «it».
 */
export type Health =
  /** Nobody has asked it yet. */
  | { readonly state: "unknown"; readonly sinceMs: number }
  /** It answered when it was last asked. */
  | { readonly state: "healthy"; readonly sinceMs: number }
  /** The last call or probe failed, by its own fault. Its breaker and the next probes decide how long it is still asked. */
  | { readonly state: "failing"; readonly sinceMs: number; readonly reason: string }
  /** So many probes in a row failed that it gets no more calls, until they succeed. */
  | { readonly state: "down"; readonly sinceMs: number; readonly reason: string }
  /** It refuses the key that the gateway has for it, so no call can succeed until somebody mends that. */
  | { readonly state: "misconfigured"; readonly sinceMs: number; readonly reason: string }
  /** It had registered itself, and has not been heard of for longer than the TTL. */
  | { readonly state: "expired"; readonly sinceMs: number; readonly reason: string };

/** Whether nobody is there any more, as far as anybody can tell. */
export function isSilent({ state }: Health): boolean {
  return state === "down" || state === "expired";
}

/** Where an SFU's entry comes from. Where several sources name one address, the first in this order is believed. */
export const SOURCES = ["static", "external", "heartbeat"] as const;

export type Source = (typeof SOURCES)[number];

/** One media server behind the gateway. */
export interface Sfu {
  /** Origin and path without a slash at the end: its identity. */
  readonly address: string;
  /** Lower case. */
  readonly region: string | null;
  readonly source: Source;
  /** The URL that browsers reach it at; null where what it answers by itself is right. */
  readonly publicUrl: string | null;
  /** Its share of conferences relative to the others. */
  readonly weight: number;
  /** How many sessions fill it. */
  readonly maxSessions: number;
  readonly key: AuthKey;
  /** What o-sfu wants to see before it tells its statistics; null where it tells them to anybody. */
  readonly statsToken: Secret | null;
}

/** `half_open` while one trial is awaited or under way. */
export type BreakerState = "closed" | "open" | "half_open";

/** What a breaker lets through: `assigned` while one call proves that an SFU that has just come back serves again. */
export type Admission = "all" | "assigned" | "none";

/** What a key check shows of an SFU whose breaker is half-open; `undecided` leaves the trial to a call. */
export type TrialVerdict = "fine" | "fault" | "undecided";

/** What the prober has to do with the breakers. */
export interface TrialBreakers {
  state(sfu: Sfu): BreakerState;
  /** Lets `check` decide on a half-open breaker, and no call meanwhile. */
  trial(sfu: Sfu, check: () => Promise<TrialVerdict>): Promise<void>;
  /** Opens a closed breaker. */
  trip(sfu: Sfu): void;
  /** Closes one that was tripped, until a call fails. */
  pardon(sfu: Sfu): void;
}

/** What decides whether an SFU may be asked. */
export interface Standing {
  readonly health: Health;
  /** What its breaker lets through now. */
  readonly admits: Admission;
  readonly isDraining: boolean;
  /** Why it takes no more conferences, goes on after «it»: `is overloaded: cpu at 97 %, …`; null where it does. */
  readonly overload: string | null;
}

/**
 * Whether an SFU may be asked, the one judgement that all who want to keep one out have to be part of.
 *
 * - `available`: for any conference.
 * - `assigned_only`: for the conferences that it has, and no other.
 * - `out`: for none. `mayReturn` where it may have come back without anybody having noticed.
 */
export type Availability =
  | { readonly kind: "available" }
  | { readonly kind: "assigned_only"; readonly why: "draining" | "overloaded" | "on_trial"; readonly reason: string }
  | {
      readonly kind: "out";
      readonly why: "down" | "misconfigured" | "expired" | "breaker_open";
      readonly reason: string;
      readonly mayReturn: boolean;
    };

const AVAILABLE: Availability = { kind: "available" };
const BREAKER_OPEN: Availability = {
  kind: "out",
  why: "breaker_open",
  reason: "has failed too many calls",
  mayReturn: true,
};
const ON_TRIAL: Availability = {
  kind: "assigned_only",
  why: "on_trial",
  reason: "has just come back and is proving itself with one call",
};

export function availability({ health, admits, isDraining, overload }: Standing): Availability {
  switch (health.state) {
    case "misconfigured":
    case "expired":
      return { kind: "out", why: health.state, reason: health.reason, mayReturn: false };
    case "down":
      return { kind: "out", why: health.state, reason: health.reason, mayReturn: true };
    case "unknown":
    case "healthy":
    case "failing":
  }
  if (admits === "none") return BREAKER_OPEN;
  if (isDraining) return { kind: "assigned_only", why: "draining", reason: "is being drained" };
  if (admits === "assigned") return ON_TRIAL;
  if (overload !== null) return { kind: "assigned_only", why: "overloaded", reason: overload };
  return AVAILABLE;
}
