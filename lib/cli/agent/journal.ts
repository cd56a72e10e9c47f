import type { Clock } from "../../clock.ts";
import type { AgentConfig } from "../../config/agent.ts";
import type { Logger } from "../../logger.ts";
import type { Outcome } from "./answer.ts";
import { longest } from "./delays.ts";
import { adviceFor, explain, type Failure, fieldsOf, isRefusal, kindOf } from "./failure.ts";
import type { Load, Status } from "./heartbeat.ts";
import type { HostFigures, HostSources } from "./host.ts";
import { Outage } from "./outage.ts";
import { PATIENCE, type Reading } from "./sfu.ts";

/** What the agent says of what happens: changes, and of a trouble that lasts one line a minute. Never a key. */
export interface Journal {
  started(sources: HostSources): void;
  /** The SFU was asked for its statistics; so many readings in a row have failed now. */
  read(reading: Reading, failedReadings: number): void;
  /** The host was measured; `isComplete` where there is an older figure for each that is missing. */
  measured(figures: HostFigures, isComplete: boolean): void;
  sent(status: Status, load: Load, outcome: Outcome): void;
  waiting(waitMs: number): void;
  stopping(): void;
  /** `mayBeKnown` where the gateway may still believe that the SFU is up. */
  stopped(mayBeKnown: boolean): void;
}

export function createJournal(config: AgentConfig, logger: Logger, clock: Clock): Journal {
  const { address, gatewayUrl, statsUrl, intervalMs } = config;
  const gatewayOutage = new Outage(clock);
  const sfuOutage = new Outage(clock);
  const tokenOutage = new Outage(clock);
  const hostOutage = new Outage(clock);
  let lastAccepted: Status | null = null;
  let isDraining = false;
  let hasWarnedOfTtl = false;

  const ended = (outage: Outage, say: (duration: string) => void): void => {
    const ms = outage.end();
    if (ms !== null) say(`${String(Math.round(ms / 1000))} s`);
  };

  const accepted = (status: Status, load: Load, ttlMs: number | null, draining: boolean): void => {
    ended(gatewayOutage, (after) =>
      logger.info({ gateway: gatewayUrl }, `the gateway takes heartbeats again, after ${after}`),
    );
    const fields = { sfu: address, gateway: gatewayUrl, status };
    const isNews = status !== lastAccepted;
    const isFirst = lastAccepted === null;
    lastAccepted = status;
    if (status === "down") {
      if (isNews) logger.info(fields, "the SFU is signed off");
      return;
    }
    if (isNews) {
      const text = isFirst ? "the gateway has taken the first heartbeat" : "the SFU is signed on again";
      logger.info({ ...fields, ...describeLoad(load) }, text);
    }
    if (draining !== isDraining) {
      const text = draining ? "is draining this SFU: it gets no new conference" : "no longer drains this SFU";
      logger.info({ sfu: address, draining }, `the gateway ${text}`);
      isDraining = draining;
    }
    if (ttlMs !== null && ttlMs <= longest(intervalMs) && !hasWarnedOfTtl) {
      const why = `the gateway forgets the SFU after ${String(ttlMs)} ms, a heartbeat comes every ${String(intervalMs)}`;
      const advice = "make SFU_GATEWAY_PING_INTERVAL a third of that, or [registration] ttl_ms of the gateway longer";
      logger.warn({ ttlMs, intervalMs }, `${why}, so it will come and go: ${advice}`);
      hasWarnedOfTtl = true;
    }
  };

  const failed = (status: Status, failure: Failure): void => {
    if (!gatewayOutage.note(`${status} ${kindOf(failure)}`)) return;
    const what = status === "up" ? "heartbeat" : "sign-off";
    const text = `the gateway has not taken the ${what}: it ${explain(failure)}; ${adviceFor(failure)}`;
    logger[isRefusal(failure) ? "error" : "warn"]({ gateway: gatewayUrl, status, ...fieldsOf(failure) }, text);
  };

  return {
    started(sources) {
      const fields = { sfu: address, region: config.region, gateway: gatewayUrl, statsUrl, intervalMs };
      const text = `the agent has started: ${address} in ${config.region} goes to ${gatewayUrl}`;
      logger.info({ ...fields, cpuFrom: sources.cpu, memoryFrom: sources.memory }, text);
    },

    read(reading, failedReadings) {
      const fields = { sfu: address, statsUrl };
      if (reading.kind === "failed") {
        const isSignedOff = failedReadings >= PATIENCE;
        if (!sfuOutage.note(isSignedOff ? "signed off" : "failed")) return;
        const why = `the SFU's statistics cannot be read: it ${reading.why}`;
        if (isSignedOff) logger.error(fields, `${why}; it is signed off until they can be`);
        else logger.warn(fields, why);
      } else if (reading.kind === "refused") {
        if (!tokenOutage.note(reading.kind)) return;
        const refused = `the SFU answered ${String(reading.status)} when asked for its statistics`;
        const advice = "compare SFU_STATS_TOKEN with its diagnostics token; without statistics there is no heartbeat";
        logger.error({ ...fields, httpStatus: reading.status }, `${refused}: ${advice}`);
      } else {
        ended(tokenOutage, (after) => logger.info(fields, `the SFU tells its statistics again, after ${after}`));
        ended(sfuOutage, (after) => logger.info(fields, `the SFU answers again, after ${after}`));
      }
    },

    measured({ cpu, memory }, isComplete) {
      if (cpu !== null && memory !== null) {
        ended(hostOutage, (after) => logger.info(`the host's figures can be read again, after ${after}`));
      } else if (hostOutage.note("unreadable")) {
        const missing = [...(cpu === null ? ["CPU"] : []), ...(memory === null ? ["memory"] : [])];
        const result = isComplete ? "what it was last is sent in its place" : "without it there is no heartbeat";
        logger.error({ missing }, `the host's use of ${missing.join(" and ")} cannot be read: ${result}`);
      }
    },

    sent(status, load, outcome) {
      logger.debug({ status, ...describeLoad(load), outcome: outcome.kind }, `heartbeat: ${status}`);
      if (outcome.kind === "accepted") accepted(status, load, outcome.ttlMs, outcome.isDraining ?? isDraining);
      else failed(status, outcome);
    },

    waiting: (waitMs) => logger.debug({ waitMs }, "waiting for the next round"),
    stopping: () => logger.info("shutting down"),
    stopped(mayBeKnown) {
      if (mayBeKnown) logger.warn("shut down without a sign-off: the gateway keeps the SFU until its TTL is over");
      else logger.info("shut down");
    },
  };
}

function describeLoad({ sessions, channels, cpu, memory }: Load): Readonly<Record<string, number>> {
  return { sessions, channels, cpu: round(cpu), memory: round(memory) };
}

function round(share: number): number {
  return Math.round(share * 1000) / 1000;
}
