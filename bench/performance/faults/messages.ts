import type { Fault } from "../../../lib/simulator/sfu.ts";

/** What an SFU's process is told; each order is answered with `done`. */
export type SfuOrder =
  /** 0 takes any free one. Until then the process only waits. */
  | { readonly kind: "listen"; readonly port: number }
  | { readonly kind: "break"; readonly fault: Fault }
  | { readonly kind: "heal" };

export type SfuNews =
  /** It can be told to listen. */
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly port: number }
  /** Joins have arrived, whatever became of them: the moments when their calls were due. */
  | { readonly kind: "joins"; readonly dueMs: readonly number[] };

/** What the process of the callers is told. */
export type CallersOrder =
  /** Calls from now on. */
  | { readonly kind: "begin"; readonly port: number; readonly perSecond: number }
  /** No more calls; answered with all results once the last one has ended. */
  | { readonly kind: "end" };

export type CallersNews =
  { readonly kind: "ready" } | { readonly kind: "results"; readonly results: readonly CallResult[] };

/** One call, from the moment when it was due, see `moment`. */
export interface CallResult {
  readonly dueMs: number;
  /** How much later than due it was sent: what the callers were themselves behind. */
  readonly lateMs: number;
  readonly tookMs: number;
  /** `channel` for a 200 with `uuid` and `url` in time; else what came in its place. */
  readonly outcome: string;
}
