import type { Middleware, ParameterizedContext } from "koa";
import type { AttemptEvent } from "../events.ts";
import type { Sfu } from "../sfu/sfu.ts";

/** What is known of a request, filled in on its way down. */
export interface RequestState {
  /** From here on: openRequest. */
  readonly requestId: string;
  /** The address of whoever asked, past the proxies that are trusted. */
  readonly callerAddress: string;
  /** On the clock's monotonic scale. */
  readonly startedMs: number;
  /** When it set out, on the same scale: not later. */
  readonly arrivedMs: number;
  /** Aborted when the caller hangs up before the answer is out. */
  readonly signal: AbortSignal;
  /** From here on: authenticate. */
  authenticated?: Authenticated;
  /** What the log line of a channel request tells beside its outcome. */
  attempts: readonly AttemptEvent[];
  region?: string | null;
  country?: string | null;
  coalesced?: boolean;
  servedBy?: Sfu | null;
}

/** Who may ask, and for what. */
export interface Authenticated {
  /** A hash of the conference's name: what it is known by from here on. */
  readonly conference: string;
  /** The claims as the SFUs shall get them. */
  readonly payload: Buffer;
}

export type GatewayContext = ParameterizedContext<RequestState>;
export type GatewayMiddleware = Middleware<RequestState>;
