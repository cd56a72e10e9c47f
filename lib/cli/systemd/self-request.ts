import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, withDeadline } from "../../clock.ts";
import { describeSystemError, toError } from "../../errors.ts";
import type { Check } from "./watchdog.ts";

export interface SelfRequestParts {
  readonly clock: Clock;
  /** Where this process listens. */
  readonly address: AddressInfo;
  /** For one connection, in milliseconds; a thousand unless a spec has no time for that. */
  readonly attemptTimeoutMs?: number;
}

/** At once, so that another gateway on the same port that hangs holds up some of the attempts and not the answer. */
const LANES = 4;

/** Of 64 gateways on one port, each as likely to be met, one check in seven million would miss its own. */
const MOST_ATTEMPTS = 1000;

/** Of a lane. Another gateway that ends resets a connection or two; where nobody listens there is no use in going on. */
const MOST_FAILURES = 8;

type Outcome = "own" | "foreign" | { readonly failed: string };

/**
 * Asks this process's own `/healthz` over a real connection, as any caller would.
 *
 * Where several gateways share the port, the kernel may hand the connection to another one. Whether it came here is
 * seen from inside: Node tells of every request that this process receives, and each attempt has a name of its own. So
 * new connections are tried until one arrives.
 *
 * @returns a function that resolves after a 200 of this very process; it throws the last trouble where there is none
 */
export function createSelfRequest({ clock, address, attemptTimeoutMs = 1000 }: SelfRequestParts): Check {
  const target = { host: reachable(address.address), port: address.port };

  const attempt = async (path: string, arrivals: ReadonlySet<string>, signal: AbortSignal): Promise<Outcome> => {
    const onTimeout = (): Error => new Error(`no answer within ${String(attemptTimeoutMs)} ms`);
    try {
      const status = await withDeadline({ clock, timeoutMs: attemptTimeoutMs, signal, onTimeout }, (bounded) =>
        statusOf({ ...target, path }, bounded),
      );
      if (!arrivals.has(path)) return "foreign";
      return status === 200 ? "own" : { failed: `/healthz answered ${String(status)}` };
    } catch (error) {
      return { failed: toError(error).message };
    }
  };

  return async (signal) => {
    const found = new AbortController();
    const ended = AbortSignal.any([signal, found.signal]);
    const name = randomUUID();
    let attempts = 0;
    let trouble = "its connections reach others on the same port only";

    const lane = async (arrivals: ReadonlySet<string>): Promise<void> => {
      let failures = 0;
      while (!ended.aborted && attempts < MOST_ATTEMPTS && failures < MOST_FAILURES) {
        const outcome = await attempt(`/healthz?self=${name}-${String(++attempts)}`, arrivals, ended);
        if (outcome === "own") found.abort();
        else if (outcome !== "foreign") {
          failures++;
          trouble = outcome.failed;
        }
      }
    };
    await noting(name, (arrivals) => Promise.all(Array.from({ length: LANES }, () => lane(arrivals))));
    if (!found.signal.aborted) throw new Error(trouble);
  };
}

/** Runs `work` with the URLs, among those with this name, of the requests that reach this process meanwhile. */
async function noting(name: string, work: (arrivals: ReadonlySet<string>) => Promise<unknown>): Promise<void> {
  const arrivals = new Set<string>();
  const note = (message: unknown): void => {
    const { url } = (message as { readonly request: IncomingMessage }).request;
    if (url?.includes(name)) arrivals.add(url);
  };
  subscribe(REQUEST_ARRIVES, note);
  try {
    await work(arrivals);
  } finally {
    unsubscribe(REQUEST_ARRIVES, note);
  }
}

/** https://nodejs.org/api/diagnostics_channel.html#event-httpserverrequeststart */
const REQUEST_ARRIVES = "http.server.request.start";

interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** @returns the answer's status; @throws what went wrong, in words */
function statusOf(target: Target, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(new Error(`no answer: ${describeSystemError(error)}`));
    // A connection of its own, which no pool keeps.
    const sent = request({ ...target, agent: false, signal }, (response) => {
      response.once("error", fail).once("end", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    sent.once("error", fail).end();
  });
}

/** What is bound to all addresses is asked at this machine's own. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
