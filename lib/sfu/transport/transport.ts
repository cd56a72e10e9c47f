import type { ClientRequest, IncomingHttpHeaders } from "node:http";
import type { LookupFunction } from "node:net";
import { SfuError } from "../../errors.ts";
import type { Agents } from "../agents.ts";

/** What was answered, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** Where a request goes. */
export interface Target {
  /** All of it, as text. */
  readonly url: string;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly isSecure: boolean;
  /** Host and port as they stand in the URL. */
  readonly authority: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** Empty for the scheme's own. */
  readonly port: string;
  /** With its query. */
  readonly path: string;
}

/** @throws {TypeError} where that is no URL */
export function targetOf(text: string): Target {
  const { href: url, origin, protocol, host: authority, hostname, port, pathname, search } = new URL(text);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { url, origin, isSecure: protocol === "https:", authority, host, port, path: pathname + search };
}

/** One request as it goes out. */
export interface Sending {
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST; null for a GET. */
  readonly body: { readonly json: unknown } | { readonly text: string } | null;
  readonly agents: Pick<Agents, "http" | "https">;
  readonly lookup: LookupFunction;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  /** How large the body of the answer may be, in bytes. */
  readonly maxBytes: number;
  /** To be told of the request before anything of it is sent. `refuse` ends the exchange with what it is given. */
  readonly onSent: (sent: ClientRequest, refuse: (error: SfuError) => void) => void;
}

/**
 * Puts one request on a connection and reads its answer. No redirect is followed, nothing is sent again, nothing decompressed,
 * and any status is an answer.
 *
 * @throws {SfuError} what it was refused with; else what the system or Node says, or anything once the signal is aborted
 */
export type Transport = (sending: Sending) => Promise<Answer>;

export function tooLarge(maxBytes: number): SfuError {
  return new SfuError("too_large", `answered with more than ${String(maxBytes / 1024)} KB`);
}
