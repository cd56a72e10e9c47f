/** How callers connect: one connection a request, as Odoo does, or connections that stay, as a proxy in front keeps them. */
export type Connections = "fresh" | "kept";

/** What the process of the callers is told to do. */
export interface Order {
  readonly port: number;
  readonly connections: Connections;
  /** On average, in calls a second; the gaps between them fall at random. 0: all at once. */
  readonly perSecond: number;
  readonly calls: number;
  /** After so long without an answer a caller hangs up; as long as Odoo's (contract.md), 3000, unless it says otherwise. */
  readonly patienceMs?: number;
}

/** One call, from the moment when it was due. */
export interface CallResult {
  /** Since the first, in milliseconds. */
  readonly dueMs: number;
  /** How much later than due it was sent: what the process of the callers was itself behind. */
  readonly lateMs: number;
  readonly tookMs: number;
  /** The status of the answer, 0 where none came. */
  readonly status: number;
}
