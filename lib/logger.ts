import { type DestinationStream, pino, stdTimeFunctions, type Logger } from "pino";
import { GatewayError, SfuError } from "./errors.ts";
import type { AttemptEvent, ChannelRequestEvent, Events } from "./events.ts";
import { VERSION } from "./version.ts";

export type { Logger };

/** JSON lines, with times and levels that a person can read. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { version: VERSION },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // A whitelist: what a library hangs on its errors may hold headers, and those hold tokens.
    serializers: { err: describeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** One line a channel request, and one for whatever changes in the fleet. */
export function logEvents(events: Events, logger: Logger): void {
  events.on("channelRequest", (event) => {
    const { requestId, outcome, status, conference, region, country, callerAddress, coalesced } = event;
    const sfu = event.servedBy?.address ?? null;
    const fields = { requestId, outcome, status, conference, region, country, callerAddress, sfu, coalesced };
    const attempts = event.attempts.map(describeAttempt);
    logger[levelOf(event)]({ ...fields, attempts, ms: round(event.durationMs) }, describeRequest(event));
  });

  events.on("breaker", ({ sfu, from, to }) => {
    const fields = { sfu: sfu.address, region: sfu.region, from, to };
    if (to === "open") logger.error(fields, `breaker of ${sfu.address} is open: it gets no calls for now`);
    else if (to === "half_open") logger.info(fields, `breaker of ${sfu.address} is half-open: one call may try it`);
    else logger.info(fields, `breaker of ${sfu.address} is closed: it gets calls again`);
  });

  events.on("health", ({ sfu, from, to }) => {
    const reason = "reason" in to ? to.reason : null;
    const fields = { sfu: sfu.address, region: sfu.region, from: from.state, to: to.state, reason };
    if (to.state === "misconfigured") {
      logger.error(
        fields,
        `${sfu.address} is misconfigured and gets no calls: ${to.reason}; compare its AUTH_KEY with 'key'`,
      );
    } else if (to.state === "failing") logger.warn(fields, `${sfu.address} is failing: it ${to.reason}`);
    else logger.info(fields, `${sfu.address} is ${to.state}`);
  });

  events.on("unexpected", ({ where, error }) => logger.error({ where, err: error }, `unexpected error in ${where}`));
}

function levelOf({ outcome, attempts }: ChannelRequestEvent): "info" | "warn" | "error" {
  if (outcome === "ok") return attempts.length > 1 ? "warn" : "info";
  return ["no_sfu_available", "all_candidates_failed", "internal"].includes(outcome) ? "error" : "warn";
}

/** The sentence that somebody who was woken reads first. */
function describeRequest({ outcome, attempts, error, servedBy, coalesced, durationMs }: ChannelRequestEvent): string {
  const ms = `${String(round(durationMs))} ms`;
  const failed = attempts.filter((attempt) => attempt.error !== null);
  const trail = failed.map(({ sfu, error: why }) => `${sfu.address} ${why?.message ?? ""}`).join("; ");
  if (outcome === "ok") {
    const by = `by ${servedBy?.address ?? "nobody"}${coalesced ? " together with another request" : ""}`;
    return trail === "" ? `channel served ${by} in ${ms}` : `channel served ${by} in ${ms}, after ${trail}`;
  }
  return `no channel after ${ms}: ${[error?.message ?? outcome, trail].filter((part) => part !== "").join(": ")}`;
}

function describeAttempt({ sfu, durationMs, error }: AttemptEvent): Readonly<Record<string, string | number>> {
  return { sfu: sfu.address, outcome: error?.failure ?? "ok", ms: round(durationMs) };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** The gateway's own errors may show their text; of all others only the kind and where they come from. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const own = error instanceof GatewayError || error instanceof SfuError;
  const { code } = error as NodeJS.ErrnoException;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    ...(own ? { message: error.message } : {}),
    stack: frames.join("\n"),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
