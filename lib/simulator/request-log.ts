import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Fault, FaultKind } from "./faults.ts";
import type { Target } from "./target.ts";
import { claimsOf, type Claims } from "./token.ts";

/** A request that arrived. The last three fields change until it is over. */
export interface SimulatedRequest {
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The fault that it met; `null` where none touched it. */
  readonly fault: FaultKind | null;
  /** What its token says, unchecked: of the Authorization header, or of a disconnect's body once that was read. */
  readonly claims: Claims | null;
  /** The status that was sent, `null` while none was. */
  readonly status: number | null;
  /** Whether the caller hung up before it had the whole answer. */
  readonly aborted: boolean;
}

export type LogEntry = { -readonly [Field in keyof SimulatedRequest]: SimulatedRequest[Field] };

/** `atMs`: wall clock. */
export function arrival(request: IncomingMessage, target: Target, fault: Fault | null, atMs: number): LogEntry {
  return {
    at: atMs,
    method: request.method ?? "",
    path: target.path,
    query: target.rawQuery,
    headers: request.headers,
    fault: fault?.kind ?? null,
    claims: claimsOf(request.headers.authorization?.split(" ")[1] ?? ""),
    status: null,
    aborted: false,
  };
}

/** The latest requests, oldest first. */
export class RequestLog {
  readonly #max: number;
  #entries: LogEntry[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get entries(): readonly SimulatedRequest[] {
    return this.#entries;
  }

  /** The caller goes on writing into `entry` while its request is under way. */
  add(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > this.#max) this.#entries.shift();
  }

  clear(): void {
    this.#entries = [];
  }
}
