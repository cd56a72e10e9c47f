import type { Door } from "./mint.ts";

/** What a door says to a token. */
export type Verdict = "taken" | "invalid_token" | "missing_token" | "missing_issuer" | "invalid_claims";

/** One token that somebody means ill with, or that only looks so. */
export interface HostileToken {
  readonly name: string;
  readonly make: (door: Door) => string;
  readonly verdict: Verdict;
  /** At which doors; at all of them where it does not say. */
  readonly only?: readonly Door["name"][];
}

export function refused(name: string, make: HostileToken["make"], only?: HostileToken["only"]): HostileToken {
  return { name, make, verdict: "invalid_token", ...(only === undefined ? {} : { only }) };
}

export function taken(name: string, make: HostileToken["make"], only?: HostileToken["only"]): HostileToken {
  return { name, make, verdict: "taken", ...(only === undefined ? {} : { only }) };
}

/** Those whose text is a body, and may have what a header may not. */
export const IN_A_BODY = ["a disconnect"] as const;
export const IN_A_HEADER = ["a channel", "a heartbeat"] as const;
