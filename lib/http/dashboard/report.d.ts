/** What the page needs of `GET /dashboard/data`. Apart from lib/api, for the browser's types and Node's do not mix. */
export interface PageReport {
  readonly now: string;
  readonly gateway: { readonly version: string; readonly startedAt: string };
  readonly fleet: Fleet;
  readonly failovers: readonly Failover[];
  readonly maxFailovers: number;
}

export interface Fleet {
  readonly available: number;
  readonly total: number;
  /** Where the page is met by a gateway that is older there is none. */
  readonly store?: Store | null;
  readonly sfus: readonly Sfu[];
}

export interface Store {
  readonly away: boolean;
  readonly forSeconds: number | null;
  readonly instances: number;
}

export interface Sfu {
  readonly address: string;
  readonly region: string | null;
  readonly source: string;
  readonly available: boolean;
  readonly out: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly since: string;
  readonly breaker: "closed" | "open" | "half_open";
  readonly load: Load | null;
  readonly score: number;
  readonly reportAgeMs: number | null;
  readonly draining: boolean;
}

export interface Load {
  readonly sessions: number;
  readonly channels: number;
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly maxSessions: number;
  readonly expected: number;
}

export interface Failover {
  readonly id: string;
  readonly at: string;
  readonly outcome: string;
  readonly ms: number;
  readonly attempts: readonly Attempt[];
  readonly servedBy: string | null;
}

export interface Attempt {
  readonly sfu: string;
  readonly failure: string | null;
  readonly message: string | null;
  readonly ms: number;
}

/** Each has a colour and a shape. */
export type Tone = "good" | "calm" | "warn" | "bad" | "quiet";
