/** Stable codes of the errors that a caller can see; scripts and dashboards match on them. */
export type ErrorCode =
  | "missing_token"
  | "invalid_token"
  | "missing_issuer"
  | "invalid_claims"
  | "replayed"
  | "invalid_heartbeat"
  | "invalid_body"
  | "address_not_allowed"
  | "fleet_full"
  | "body_too_large"
  | "unknown_sfu"
  | "bad_request"
  | "not_found"
  | "method_not_allowed"
  | "refused_by_sfu"
  | "no_sfu_available"
  | "overloaded"
  | "all_candidates_failed"
  | "disconnect_incomplete"
  | "loop_detected"
  | "rate_limited"
  | "too_busy"
  | "expectation_failed"
  | "caller_gone"
  | "internal";

/** Of requests that were taken on, and came to nothing. */
const TAKEN_ON: readonly ErrorCode[] = [
  "refused_by_sfu",
  "no_sfu_available",
  "overloaded",
  "all_candidates_failed",
  "disconnect_incomplete",
  "caller_gone",
  "internal",
];

/** Whether a request that ended so was turned away, for what it is or who sends it, before any SFU was asked. */
export function isRejection(code: ErrorCode): boolean {
  return !TAKEN_ON.includes(code);
}

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

/** What nobody foresaw becomes a 500 that tells the caller nothing. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "something went wrong inside the gateway", { status: 500, cause: thrown });
}

/** What can go wrong between the gateway and one SFU. Bounded: it is a metric label. */
export const SFU_FAILURES = [
  "refused",
  "reset",
  "timeout",
  "dns",
  "tls",
  "unreachable",
  "redirect",
  "garbage",
  "too_large",
  "status_4xx",
  "status_5xx",
  "unauthorized",
  "aborted",
] as const;

export type SfuFailure = (typeof SFU_FAILURES)[number];

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

  /** A reverse proxy's word that the SFU behind it is gone; no request can bring one of these about. */
  get isFromProxy(): boolean {
    return this.status !== null && this.status >= 502 && this.status <= 504;
  }
}

/**
 * One reading of the external list that did not bring a list. The message goes on after «the external list»; it holds
 * neither the list's URL, nor its token, nor a key.
 */
export class ListError extends Error {
  override readonly name = "ListError";
}

/**
 * Why the store that several gateways share cannot be used. The message goes on after «the store»; it holds neither its URL,
 * nor a password, nor anything that was stored.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly isTimeout: boolean;

  constructor(message: string, { isTimeout = false }: { readonly isTimeout?: boolean } = {}) {
    super(message);
    this.isTimeout = isTimeout;
  }
}

/** For code that must hand on an `Error` where JavaScript allows anything to be thrown. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("something that is not an Error was thrown", { cause: thrown });
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "not permitted",
  EISDIR: "this is a directory",
  EFBIG: "larger than 8 MB",
  EADDRINUSE: "something else listens there",
  EADDRNOTAVAIL: "this machine has no such address",
};

/** A system error in words, by its code alone: its message may quote more than should be shown. */
export function describeSystemError(error: unknown): string {
  const { code = "unknown" } = toError(error) as NodeJS.ErrnoException;
  const words = SYSTEM_ERRORS[code];
  return words === undefined ? code : `${words} (${code})`;
}
