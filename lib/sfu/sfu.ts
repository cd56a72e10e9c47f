import type { AuthKey } from "../auth/keys.ts";

/** What is known of an SFU from the calls that it was asked to take. Times are wall clock milliseconds. */
export type Health =
  /** Nobody has asked it yet. */
  | { readonly state: "unknown" }
  /** The last call that reached it got its answer. */
  | { readonly state: "healthy"; readonly sinceMs: number }
  /** The last call failed, by its own fault. Its breaker decides how long it is still asked. */
  | { readonly state: "failing"; readonly sinceMs: number; readonly reason: string }
  /** It refuses the key that the gateway has for it, so no call can succeed until somebody mends that. */
  | { readonly state: "misconfigured"; readonly sinceMs: number; readonly reason: string };

/** One media server behind the gateway. */
export interface Sfu {
  /** Origin and path without a slash at the end: its identity. */
  readonly address: string;
  readonly region: string | null;
  readonly source: "static";
  /** The URL that browsers reach it at; null where what it answers by itself is right. */
  readonly publicUrl: string | null;
  /** Its share of conferences relative to the others. */
  readonly weight: number;
  readonly key: AuthKey;
}

/** `half_open` while one trial is awaited or under way. */
export type BreakerState = "closed" | "open" | "half_open";

/** The one predicate for «may be asked»: whatever else wants to keep an SFU out has to be said here. */
export function isAvailable(health: Health, breaker: { readonly admits: boolean }): boolean {
  return health.state !== "misconfigured" && breaker.admits;
}
