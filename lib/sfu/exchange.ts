import type { ClientRequest } from "node:http";
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { LRUCache } from "lru-cache";
import { type Clock, systemClock, turnsOfTheLoop } from "../clock.ts";
import { SfuError, type SfuFailure, toError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { type Agents, createAgents, trustIn } from "./agents.ts";
import { createConnectionWatch } from "./connection-watch.ts";
import { createNames, lookupBy, type Names } from "./names.ts";
import { tlsFailureOf } from "./tls-failures.ts";
import { sendByGot } from "./transport/got.ts";
import { type Answer, type Sending, type Target, targetOf, type Transport } from "./transport/transport.ts";

export type { Answer };

export interface ExchangeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bounds the exchange: there is no other time limit in here. */
  readonly signal: AbortSignal;
  /** How large an answer may be; {@link MAX_ANSWER_BYTES} unless more is expected. */
  readonly maxBytes?: number;
  /**
   * Resolves the name in place of the usual {@link Names}, and says no with an {@link SfuError}. Such a request uses no
   * connection that was made without one.
   */
  readonly lookup?: LookupFunction;
}

/** One request and its answer: to an SFU, to an external list, from an agent or a command to a gateway. */
export interface Exchange {
  /**
   * Follows no redirect: it would carry the token elsewhere.
   *
   * @throws {SfuError} where no answer arrived, or one that is too large
   */
  get(request: ExchangeRequest): Promise<Answer>;
  /** As {@link Exchange.get}, with `json` for its body; never sent twice. */
  post(request: ExchangeRequest, json: unknown): Promise<Answer>;
  /**
   * As {@link Exchange.get}, with `text` for its body and no Content-Type: also sent once more where the connection was
   * stale, so it is for what may be said twice.
   */
  postText(request: ExchangeRequest, text: string): Promise<Answer>;
  /** Believes these authorities from now on, for connections that are made now; what is under way ends as it began. */
  trust(ca: string | null): void;
  /** Closes all connections. */
  close(): void;
}

export interface ExchangeSettings {
  readonly clock?: Clock;
  /** What sends a request; got unless something else is asked for. */
  readonly transport?: Transport;
  /** How long a connection may be idle before it is closed on this side, in milliseconds; 0 keeps none. */
  readonly idleMs?: number;
  /** Where names lead; one of its own unless it shares that of others. */
  readonly names?: Names;
  /** Certificates of authorities that count beside the usual ones, PEM that can be read; null for none. */
  readonly ca?: string | null;
}

/** Fits any real answer to a join many hundred times over. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Under the 5 s after which an SFU closes an idle connection (contract.md): whoever closes first is sure of it. */
export const IDLE_MS = 4000;

/** By what a connection may be used for. */
interface Connections {
  readonly usual: Agents;
  /** Of requests that bring their own lookup. */
  readonly checked: Agents;
  /** None of them has been used before. */
  readonly fresh: Agents;
}

/** On every request. Nobody is asked to compress. */
const USUAL_HEADERS = { "user-agent": `sfu-gateway/${VERSION}`, accept: "application/json" } as const;

/** Twice what 10,000 SFUs are asked for; a query makes another one. */
const MAX_TARGETS = 50_000;

type Outgoing = Omit<Sending, "agents" | "onSent">;

type Outcome =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** `isStale`: it was put on a connection that had been idle, and that was closed before any answer. */
  | { readonly kind: "failed"; readonly error: SfuError; readonly isStale: boolean };

export function createExchange(settings: ExchangeSettings = {}): Exchange {
  const { clock = systemClock, transport = sendByGot, idleMs = IDLE_MS, ca = null } = settings;
  const { names = createNames({ clock }) } = settings;
  const usualLookup = lookupBy((name) => names.addressesOf(name));
  const connect = (ca: string | null): Connections => {
    const trust = ca === null ? null : trustIn(ca);
    return {
      usual: createAgents({ clock, idleMs, trust }),
      checked: createAgents({ clock, idleMs, trust }),
      fresh: createAgents({ clock, idleMs: 0, trust }),
    };
  };
  let connections = connect(ca);
  const watch = createConnectionWatch(clock);

  /** The same few again and again: one for each SFU and what it is asked for. */
  const targets = new LRUCache<string, Target>({ max: MAX_TARGETS });
  const targetTo = (url: string): Target => {
    const present = targets.get(url);
    if (present !== undefined) return present;
    const target = targetOf(url);
    targets.set(url, target);
    return target;
  };

  const outgoing = (request: ExchangeRequest, body: Sending["body"]): Outgoing => ({
    target: targetTo(request.url),
    headers: { ...USUAL_HEADERS, ...request.headers },
    body,
    lookup: request.lookup ?? usualLookup,
    signal: request.signal,
    maxBytes: request.maxBytes ?? MAX_ANSWER_BYTES,
  });

  const send = async (request: Outgoing, agents: Agents): Promise<Outcome> => {
    const { target, signal, maxBytes } = request;
    const seen: { sent: ClientRequest | null; isAnswered: () => boolean } = { sent: null, isAnswered: () => false };
    const onSent: Sending["onSent"] = (sent, refuse) => {
      seen.sent = sent;
      seen.isAnswered = watch.follow(sent, { origin: target.origin, maxBytes, refuse });
    };
    try {
      return { kind: "answered", answer: await transport({ ...request, agents, onSent }) };
    } catch (thrown) {
      const { socket = null, reusedSocket = false } = seen.sent ?? {};
      const error = toSfuError(thrown, socket, signal);
      return { kind: "failed", error, isStale: reusedSocket && !seen.isAnswered() && error.failure === "reset" };
    }
  };

  /**
   * What lies unread in an idle connection, be it its end or an answer that nobody has asked for, is read before the
   * connection is used again: one turn for what has been noticed already, and one to look anew. Whoever sets out in one turn
   * waits for the same two.
   */
  const unreadIsRead = (): Promise<void> =>
    (looking ??= turnsOfTheLoop(1).then(() => {
      looking = null;
      return turnsOfTheLoop(1);
    }));
  let looking: Promise<void> | null = null;

  const keptTo = ({ target, lookup }: Outgoing): Agents => {
    if (!watch.mayBeKept(target.origin)) return connections.fresh;
    return lookup === usualLookup ? connections.usual : connections.checked;
  };

  const exchange = async (asked: ExchangeRequest, body: Sending["body"], mayRepeat: boolean): Promise<Answer> => {
    const request = outgoing(asked, body);
    await unreadIsRead();
    const outcome = await send(request, keptTo(request));
    if (outcome.kind === "answered") return outcome.answer;
    if (!mayRepeat || !outcome.isStale || request.signal.aborted) throw outcome.error;
    // Most likely the SFU closed an idle connection just as this request was put on it, and never saw the request. A
    // join may be repeated in any case: for one conference an SFU answers with one channel. Whatever else is idle may
    // be just as stale.
    const again = await send(request, connections.fresh);
    if (again.kind === "failed") throw again.error;
    return again.answer;
  };

  return {
    get: (request) => exchange(request, null, true),
    postText: (request, text) => exchange(request, { text }, true),
    post: (request, json) => exchange(request, { json }, false),
    trust(ca) {
      const before = connections;
      connections = connect(ca);
      for (const agents of Object.values(before) as Agents[]) agents.retire();
    },
    close() {
      for (const agents of Object.values(connections) as Agents[]) agents.close();
    },
  };
}

/**
 * got's errors hold the request's options, the Authorization header among them, so none of them leaves this file.
 *
 * @param connection what it has failed on, null where it had none yet
 */
function toSfuError(thrown: unknown, connection: Duplex | null, signal: AbortSignal): SfuError {
  if (signal.aborted) return new SfuError("aborted", "given up before it answered");
  if (thrown instanceof SfuError) return thrown;
  const tlsFailure = tlsFailureOf(connection, thrown);
  if (tlsFailure !== null) return tlsFailure;
  const { code = "", cause } = toError(thrown) as NodeJS.ErrnoException;
  // What a lookup said arrives inside of one of got's.
  if (cause instanceof SfuError) return cause;
  const failure = failureOf(code);
  return new SfuError(failure, `${explanations[failure] ?? "could not be reached"}${code === "" ? "" : ` (${code})`}`);
}

const explanations: Partial<Record<SfuFailure, string>> = {
  refused: "refused the connection",
  reset: "closed the connection before it had answered",
  timeout: "could not be connected to in time",
  dns: "has a name that could not be resolved",
  tls: "has a TLS certificate or handshake that was not accepted",
  garbage: "answered with something that is not HTTP",
  too_large: "answered with headers over 16 KB",
};

/** Node has one limit for all headers together. */
const OVERFLOWS = ["HPE_HEADER_OVERFLOW", "HPE_CHUNK_EXTENSIONS_OVERFLOW"];

const CUT_SHORT = ["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP_CONTENT_LENGTH_MISMATCH"];

function failureOf(code: string): SfuFailure {
  if (code === "ECONNREFUSED") return "refused";
  if (CUT_SHORT.includes(code)) return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns";
  if (OVERFLOWS.includes(code)) return "too_large";
  if (code.startsWith("HPE_")) return "garbage";
  if (/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/.test(code)) return "tls";
  return "unreachable";
}
