import { type DestinationStream, type LogFn, pino, stdTimeFunctions, type Logger } from "pino";
import { type Clock, roundedMs } from "./clock.ts";
import { ConfigError, formatFault } from "./config/fault.ts";
import { describeError, messageOf } from "./describe-error.ts";
import type { ErrorCode } from "./errors.ts";
import type { AttemptEvent, ChannelRequestEvent, DisconnectEvent, Events } from "./events.ts";
import type { Cut } from "./http/connections.ts";
import { createFloodGate, type LeftOut, MAX_SENDERS } from "./flood-gate.ts";
import { logStore } from "./log-store.ts";
import { VERSION } from "./version.ts";

export type { Logger };

/** JSON lines, with times and levels that a person can read. */
export function createLogger(level: string, destination: DestinationStream): Logger {
  const options = {
    level,
    base: { version: VERSION },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // A whitelist: what a library hangs on its errors may hold headers, and those hold tokens.
    serializers: { err: (error: unknown) => describeError(error) },
    hooks: { logMethod: withMessage },
  };
  return pino(options, destination);
}

/** A line about an error that brings no text of its own would get the error's from pino, past the whitelist. */
function withMessage(this: Logger, args: Parameters<LogFn>, log: LogFn): void {
  const [first, message] = args as [unknown, unknown?];
  const error = typeof first === "object" && first !== null && "err" in first ? first.err : first;
  if (message === undefined && error instanceof Error) log.call(this, first, messageOf(error));
  else log.apply(this, args);
}

/**
 * One line a channel request, and one for whatever changes in the fleet. Of what strangers can bring about so many lines a
 * minute, and one for the rest.
 *
 * @returns what ends it, with the lines that are still due
 */
export function logEvents(events: Events, logger: Logger, clock: Clock): () => void {
  const gate = createFloodGate(clock, (leftOut) => {
    const { kind: outcome, count, senders } = leftOut;
    logger.warn({ outcome, count, senders }, describeLeftOut(leftOut));
  });

  events.on("rejected", ({ requestId, reason, status, message, method, path, callerAddress }) => {
    if (!TOLD_AS_REJECTED.has(reason) || !gate.admits(reason, callerAddress)) return;
    const fields = { requestId, outcome: reason, status, callerAddress, path: path.slice(0, MAX_PATH) };
    logger.warn(fields, `${method} ${fields.path} was refused: ${message}`);
  });

  events.on("connectionCut", ({ why, address: callerAddress }) => {
    if (gate.admits(`connections cut (${why})`, callerAddress)) logger.warn({ callerAddress, why }, CUT[why]);
  });

  events.on("channelRequest", (event) => {
    if (TOLD_AS_REJECTED.has(event.outcome)) return;
    const { requestId, outcome, status, conference, region, country, callerAddress, coalesced } = event;
    const sfu = event.servedBy?.address ?? null;
    const attempts = event.attempts.map(describeAttempt);
    const ms = roundedMs(event.durationMs);
    // One literal: of all lines it is this one that is written a thousand times a second.
    logger[levelOf(event)](
      { requestId, outcome, status, conference, region, country, callerAddress, sfu, coalesced, attempts, ms },
      describeRequest(event),
    );
  });

  events.on("disconnect", (event) => {
    if (TOLD_AS_REJECTED.has(event.outcome)) return;
    const { requestId, outcome, callerAddress, channels, unknown, silent, asked, durationMs } = event;
    const failed = event.failed
      .slice(0, MAX_FAILED)
      .map(({ sfu, error }) => ({ sfu: sfu.address, outcome: error.failure }));
    const fields = { requestId, outcome, callerAddress, channels, unknown, silent, asked: asked.length, failed };
    const level = outcome === "ok" ? "info" : outcome === "internal" ? "error" : "warn";
    logger[level]({ ...fields, ms: roundedMs(durationMs) }, describeDisconnect(event));
  });

  events.on("busy", ({ turnedAway, forMs, inFlight, isOver }) => {
    const [fields, count] = [{ turnedAway, inFlight }, countOf(turnedAway, "request")];
    const seconds = countOf(Math.round(forMs / 1000), "second");
    if (isOver) logger.info(fields, `no longer too busy: turned away ${count} within ${seconds}`);
    else logger.warn(fields, `too busy: turned away ${count} in the last second, ${String(inFlight)} are in hand`);
  });

  events.on("breaker", ({ sfu, from, to }) => {
    const fields = { sfu: sfu.address, region: sfu.region, from, to };
    if (to === "open" && from === "half_open")
      logger.info(fields, `breaker of ${sfu.address} is open again: it still fails`);
    else if (to === "open") logger.error(fields, `breaker of ${sfu.address} is open: it gets no calls for now`);
    else if (to === "half_open") logger.info(fields, `breaker of ${sfu.address} is half-open: it is tried`);
    else logger.info(fields, `breaker of ${sfu.address} is closed: it gets calls again`);
  });

  events.on("health", ({ sfu, from, to }) => {
    const reason = "reason" in to ? to.reason : null;
    const fields = { sfu: sfu.address, region: sfu.region, from: from.state, to: to.state, reason };
    if (to.state === "misconfigured") {
      logger.error(
        fields,
        `${sfu.address} is misconfigured and gets no calls: it ${to.reason}; compare its AUTH_KEY with 'key'`,
      );
    } else if (to.state === "down") logger.error(fields, `${sfu.address} is down and gets no calls: it ${to.reason}`);
    else if (to.state === "failing") logger.warn(fields, `${sfu.address} is failing: it ${to.reason}`);
    else if (to.state === "expired")
      logger.warn(fields, `${sfu.address} has expired and gets no calls: it ${to.reason}`);
    else if (to.state === "unknown")
      logger.info(fields, `${sfu.address} has yet to show how it is: what was known counts no more`);
    // At the start every SFU is found to be well.
    else logger[from.state === "unknown" ? "debug" : "info"](fields, `${sfu.address} is ${to.state}`);
  });

  events.on("statistics", ({ sfu, error }) => {
    const fields = { sfu: sfu.address, region: sfu.region };
    if (error === null) logger.info(fields, `the statistics of ${sfu.address} can be read again`);
    else {
      const hint = error.status === 401 ? "; its diagnostics token belongs into 'stats_token'" : "";
      logger.warn(
        fields,
        `the statistics of ${sfu.address} cannot be read, its load is guessed: it ${error.message}${hint}`,
      );
    }
  });

  // Before it has served a call, its health and its breaker tell the rest. What a reload has changed is said in one line.
  events.on("sfuAdded", ({ sfu }) => {
    const fields = { sfu: sfu.address, region: sfu.region, source: sfu.source };
    logger[sfu.source === "static" ? "debug" : "info"](fields, `${sfu.address} has joined the fleet`);
  });
  events.on("sfuChanged", ({ from, to }) => {
    logger[from.source === "static" && to.source === "static" ? "debug" : "info"](
      { sfu: to.address, region: to.region, source: to.source },
      `${to.address} has other settings now`,
    );
  });
  events.on("sfuRemoved", ({ sfu }) => {
    const fields = { sfu: sfu.address, region: sfu.region, source: sfu.source };
    logger[sfu.source === "static" ? "debug" : "info"](fields, `${sfu.address} has left the fleet`);
  });

  events.on("heartbeat", ({ outcome, address, error }) => {
    const of = address === null ? "" : ` of ${address}`;
    if (error === null) logger.debug({ sfu: address }, `heartbeat${of}`);
    // The same one again, from who has listened to it, needs no key.
    else if (!TOLD_AS_REJECTED.has(outcome) && gate.admits(`heartbeat ${outcome}`, address ?? ""))
      logger.warn({ sfu: address, outcome }, `a heartbeat${of} was refused: ${error.message}`);
  });

  events.on("externalList", ({ sfus, error }) => {
    const count = `${String(sfus)} ${sfus === 1 ? "SFU" : "SFUs"}`;
    if (error !== null) {
      logger.error({ sfus }, `the external list ${messageOf(error)}; the last good one stays: ${count}`);
    } else if (sfus === 0) logger.warn({ sfus }, "the external list is empty");
    else logger.info({ sfus }, `the external list was read: ${count}`);
  });

  events.on("drain", ({ sfu, isDraining }) => {
    const fields = { sfu: sfu.address, region: sfu.region };
    if (isDraining) logger.info(fields, `${sfu.address} is being drained: it gets no new conferences`);
    else logger.info(fields, `${sfu.address} is no longer drained: it gets new conferences again`);
  });

  logStore(events, logger);

  events.on("configReload", ({ changes, error }) => {
    if (error instanceof ConfigError) {
      const faults = error.faults.map(formatFault);
      const count = `${String(faults.length)} ${faults.length === 1 ? "fault" : "faults"}`;
      logger.error(
        { faults },
        `not reloaded, nothing has changed, for there ${faults.length === 1 ? "is" : "are"} ${count}: ${listed(faults)}`,
      );
    } else if (error !== null) logger.error({ err: error }, "not reloaded, for the gateway is at fault");
    else if (changes.length === 0) logger.info("reloaded: nothing has changed");
    else logger.info({ changes: changes.slice(0, MAX_CHANGES) }, `reloaded: ${listed(changes)}`);
  });

  events.on("unknownProxy", ({ address }) => {
    const remedy =
      "name it in SFU_GATEWAY_TRUST_PROXY, if it is yours, for all that come through it have one [rate_limit]";
    logger.warn({ address }, `${address} passes requests on (X-Forwarded-For) and is not a trusted proxy: ${remedy}`);
  });

  events.on("unexpected", ({ where, error }) => logger.error({ where, err: error }, `unexpected error in ${where}`));

  return () => gate.close();
}

/** What nobody needs a key for: a line of the same form whatever the route, and not more of them than somebody reads. */
const TOLD_AS_REJECTED: ReadonlySet<"ok" | ErrorCode> = new Set([
  "missing_token",
  "invalid_token",
  "body_too_large",
  "loop_detected",
  "rate_limited",
  "bad_request",
  "expectation_failed",
]);

const CUT: Readonly<Record<Cut, string>> = {
  idle: "as many connections as may be ([limits] max_connections): the one that was idle for longest made room",
  full: "as many connections as may be ([limits] max_connections), all at work: a new one was refused",
  slow: "a connection was cut: its caller did not read his answer",
};

/** All routes are shorter. */
const MAX_PATH = 100;

function describeLeftOut({ kind, count, senders }: LeftOut): string {
  const from = senders < MAX_SENDERS ? countOf(senders, "sender") : `${String(senders)} senders or more`;
  return `${String(count)} more were refused within a minute, of ${from}, and have no line each: ${kind}`;
}

/** As many as one line has room for, and as many as one reads. */
const MAX_CHANGES = 100;
const SHOWN = 5;

function listed(items: readonly string[]): string {
  const shown = items.slice(0, SHOWN).join("; ");
  return items.length > SHOWN ? `${shown}; and ${String(items.length - SHOWN)} more` : shown;
}

function levelOf({ outcome, attempts }: ChannelRequestEvent): "info" | "warn" | "error" {
  if (outcome === "ok") return attempts.length > 1 ? "warn" : "info";
  return ["no_sfu_available", "overloaded", "all_candidates_failed", "internal"].includes(outcome) ? "error" : "warn";
}

/** The sentence that somebody who was woken reads first. */
function describeRequest({ outcome, attempts, error, servedBy, coalesced, durationMs }: ChannelRequestEvent): string {
  const ms = `${String(roundedMs(durationMs))} ms`;
  const failed = attempts.filter((attempt) => attempt.error !== null);
  const trail = failed.map(({ sfu, error: why }) => `${sfu.address} ${why?.message ?? ""}`).join("; ");
  if (outcome === "ok") {
    const other =
      attempts.length === 0 ? " together with a request to another gateway" : " together with another request";
    const by = `by ${servedBy?.address ?? "an SFU that is not known here"}${coalesced ? other : ""}`;
    return trail === "" ? `channel served ${by} in ${ms}` : `channel served ${by} in ${ms}, after ${trail}`;
  }
  return `no channel after ${ms}: ${[error === null ? outcome : messageOf(error), trail].filter((part) => part !== "").join(": ")}`;
}

function describeDisconnect({ outcome, channels, unknown, silent, asked, error, durationMs }: DisconnectEvent): string {
  const ms = `${String(roundedMs(durationMs))} ms`;
  if (error !== null) {
    const why = messageOf(error);
    if (outcome !== "disconnect_incomplete") return `a disconnect failed after ${ms}: ${why}`;
    return `a disconnect is incomplete after ${ms}, sessions may go on until their browsers leave: ${why}`;
  }
  if (channels === 0) return "a disconnect named no channels, so nobody was asked";
  const [only] = asked;
  const by = asked.length === 1 ? (only?.address ?? "") : `${String(asked.length)} SFUs`;
  const but = silent === 0 ? "" : ` but ${String(silent)} that ${silent === 1 ? "is" : "are"} down or expired`;
  const all = unknown === 0 ? "" : `; which SFU has ${String(unknown)} of them is not known, so all${but} were asked`;
  return `${by} took the disconnect of sessions in ${countOf(channels, "channel")} in ${ms}${all}`;
}

function countOf(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}

function describeAttempt({ sfu, durationMs, error }: AttemptEvent): Readonly<Record<string, string | number>> {
  return { sfu: sfu.address, outcome: error?.failure ?? "ok", ms: roundedMs(durationMs) };
}

/** A whole fleet that failed would make a line that nobody reads. */
const MAX_FAILED = 10;
