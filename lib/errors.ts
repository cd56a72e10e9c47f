/** Stable codes of the errors that a caller can see; scripts and dashboards match on them. */
export type ErrorCode =
  | "missing_token"
  | "invalid_token"
  | "missing_issuer"
  | "invalid_claims"
  | "not_found"
  | "method_not_allowed"
  | "refused_by_sfu"
  | "no_sfu"
  | "no_sfu_available"
  | "all_candidates_failed"
  | "caller_gone"
  | "internal";

export interface GatewayErrorOptions {
  readonly status: number;
  readonly cause?: unknown;
  /** Seconds for the Retry-After header. */
  readonly retryAfterS?: number;
}

/**
 * An answer other than 200, on its way to the one catch at the edge. `message` is meant for the caller, so it holds
 * neither a token nor a key; what is not for the caller goes into `cause`.
 */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryAfterS: number | null;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryAfterS = options.retryAfterS ?? null;
  }
}

/** What went wrong between the gateway and one SFU. Bounded: it is a metric label. */
export type SfuFailure =
  | "refused"
  | "reset"
  | "timeout"
  | "dns"
  | "tls"
  | "unreachable"
  | "redirect"
  | "garbage"
  | "too_large"
  | "status_4xx"
  | "status_5xx"
  | "unauthorized"
  | "aborted";

/** One attempt that did not bring a channel. Holds no header, no token and no body. */
export class SfuError extends Error {
  override readonly name = "SfuError";
  readonly failure: SfuFailure;
  /** The SFU's HTTP status, or null where none arrived. */
  readonly status: number | null;

  constructor(failure: SfuFailure, message: string, status: number | null = null) {
    super(message);
    this.failure = failure;
    this.status = status;
  }
}

/** For code that must hand on an `Error` where JavaScript allows anything to be thrown. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("something that is not an Error was thrown", { cause: thrown });
}
