import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry as MetricRegistry } from "prom-client";
import type { StoreReport } from "./api/fleet.ts";
import type { Loads } from "./balancing/load.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import { SFU_FAILURES } from "./errors.ts";
import type { Events } from "./events.ts";
import type { Breakers } from "./failover/breakers.ts";
import { createFleetMetrics } from "./fleet-metrics.ts";
import { CUTS } from "./http/connections.ts";
import type { Admission } from "./http/admission.ts";
import type { Registry } from "./sfu/registry.ts";
import type { Sfu } from "./sfu/sfu.ts";
import type { Assignments } from "./store/store.ts";
import { VERSION } from "./version.ts";

export interface Metrics {
  readonly contentType: string;
  /** The exposition text. */
  expose(): Promise<string>;
}

export interface MetricsSources {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly breakers: Breakers;
  readonly isAvailable: (sfu: Sfu) => boolean;
  readonly loads: Loads;
  readonly assignments: Pick<Assignments, "size">;
  /** To callers, open. */
  readonly connections: () => number;
  readonly admission: Pick<Admission, "inFlight">;
  readonly storeReport: () => StoreReport | null;
  /** What is in force at this moment. */
  readonly config: () => Pick<Config, "failover">;
  /** Whether Node's own metrics are shown too: there is one process, so one gateway in it may do so. */
  readonly withProcess: boolean;
}

const PREFIX = "sfu_gateway_";

/** From a healthy join (0.5 ms at the SFU) to Odoo's patience (3 s), in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 3];

/** From a Redis on the same host to the time limit of a command, in seconds. */
const STORE_BUCKETS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];

/** What alerts look at; `invalid_token` tells of an Odoo that has another key. */
const WATCHED_OUTCOMES = [
  "ok",
  "all_candidates_failed",
  "no_sfu_available",
  "overloaded",
  "too_busy",
  "internal",
  "invalid_token",
];

/** The same of requests to any route. */
const WATCHED_REJECTIONS = ["invalid_token", "rate_limited", "too_busy"];

/** Counts what the events tell, and reads the fleet when Prometheus asks. Labels are bounded by the fleet. */
export function createMetrics(sources: MetricsSources): Metrics {
  const { clock, events, assignments, connections, admission, storeReport, config, withProcess } = sources;
  const registers = [new MetricRegistry()];
  const [register] = registers as [MetricRegistry];
  if (withProcess) collectDefaultMetrics({ register });

  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: PREFIX + name, help, labelNames, registers });
  const requests = counter("channel_requests_total", "Requests for a channel by how they ended.", "outcome");
  const duration = new Histogram({
    name: `${PREFIX}channel_duration_seconds`,
    help: "Time from a channel request to its answer.",
    buckets: DURATION_BUCKETS,
    registers,
  });
  const failovers = counter("failovers_total", "Times that a request went on to another SFU, and why.", "reason");
  const coalesced = counter("coalesced_total", "Requests that shared the attempts of another one.");
  const rejected = counter("rejected_total", "Requests turned away before an SFU was asked, of all routes.", "reason");
  for (const reason of WATCHED_REJECTIONS) rejected.inc({ reason }, 0);

  // What alerts look at is 0 before it has happened, and not absent: Prometheus sees the first one only as a rise.
  for (const outcome of WATCHED_OUTCOMES) requests.inc({ outcome }, 0);
  for (const reason of SFU_FAILURES) failovers.inc({ reason }, 0);

  const cuts = counter("connections_cut_total", "Connections of callers that were cut for the sake of others.", "why");
  for (const why of CUTS) cuts.inc({ why }, 0);
  events.on("connectionCut", ({ why }) => cuts.inc({ why }));

  const heartbeats = counter("heartbeats_total", "Heartbeats of SFUs by what became of them.", "outcome");
  heartbeats.inc({ outcome: "ok" }, 0);
  events.on("heartbeat", ({ outcome }) => heartbeats.inc({ outcome }));

  const disconnects = counter("disconnects_total", "Requests to disconnect sessions by how they ended.", "outcome");
  disconnects.inc({ outcome: "ok" }, 0);
  events.on("disconnect", ({ outcome }) => disconnects.inc({ outcome }));

  const reloads = counter(
    "config_reloads_total",
    "Times that the configuration was read anew: taken or not.",
    "outcome",
  );
  for (const outcome of ["ok", "failed"]) reloads.inc({ outcome }, 0);
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: PREFIX + name, help, registers });
  const isReloaded = gauge("config_last_reload_successful", "1 unless the last reload of the configuration failed.");
  const reloadedAt = gauge("config_last_reload_success_timestamp_seconds", "Since when the configuration is in force.");
  isReloaded.set(1);
  reloadedAt.set(clock.now() / 1000);
  events.on("configReload", ({ error }) => {
    reloads.inc({ outcome: error === null ? "ok" : "failed" });
    isReloaded.set(error === null ? 1 : 0);
    if (error === null) reloadedAt.set(clock.now() / 1000);
  });

  events.on("channelRequest", ({ outcome, durationMs }) => {
    requests.inc({ outcome });
    duration.observe(durationMs / 1000);
  });
  events.on("failover", ({ from }) => failovers.inc({ reason: from.error?.failure ?? "ok" }));
  events.on("coalesced", () => coalesced.inc());
  events.on("rejected", ({ reason }) => rejected.inc({ reason }));
  events.on("turnedAway", ({ isCall, why }) => {
    if (why === "too_busy") rejected.inc({ reason: why });
    if (isCall) requests.inc({ outcome: why });
  });
  new Gauge({
    name: `${PREFIX}assignments`,
    help: "Conferences that are assigned to an SFU.",
    registers,
    collect() {
      this.set(assignments.size());
    },
  });
  const storeGauge = (name: string, help: string, valueOf: (report: StoreReport) => number): void => {
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        const report = storeReport();
        if (report === null) this.remove();
        else this.set(valueOf(report));
      },
    });
  };
  storeGauge("store_up", "1 while the shared store can be used; absent where there is none.", ({ away }) => +!away);
  storeGauge(
    "instances",
    "Gateways that can be reached in the shared store, this one among them; absent where there is none.",
    ({ instances }) => instances,
  );
  const storeCommands = counter("store_commands_total", "Commands to the shared store.", "command", "outcome");
  const storeDuration = new Histogram({
    name: `${PREFIX}store_command_duration_seconds`,
    help: "Time that the shared store took for a command, failed ones included.",
    labelNames: ["command"],
    buckets: STORE_BUCKETS,
    registers,
  });
  const seenCommands = new Set<string>();
  events.on("storeCommand", ({ name: command, outcome, durationMs }) => {
    if (!seenCommands.has(command)) {
      for (const each of ["ok", "timeout", "error"]) storeCommands.inc({ command, outcome: each }, 0);
      seenCommands.add(command);
    }
    storeCommands.inc({ command, outcome });
    storeDuration.observe({ command }, durationMs / 1000);
  });
  new Gauge({
    name: `${PREFIX}connections`,
    help: "Connections of callers that are open.",
    registers,
    collect() {
      this.set(connections());
    },
  });
  new Gauge({
    name: `${PREFIX}requests_in_flight`,
    help: "Requests that were let in and have not ended, but for those of monitoring.",
    registers,
    collect() {
      this.set(admission.inFlight);
    },
  });
  new Gauge({
    name: `${PREFIX}failover_budget_seconds`,
    help: "How long all attempts for one request may take together.",
    registers,
    collect() {
      this.set(config().failover.retryTimeoutMs / 1000);
    },
  });
  new Gauge({
    name: `${PREFIX}build_info`,
    help: "1; the version is in the label.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version: VERSION, node: process.versions.node }, 1);

  const exposeFleet = createFleetMetrics({ ...sources, prefix: PREFIX, buckets: DURATION_BUCKETS });
  return {
    contentType: register.contentType,
    expose: async () => (await register.metrics()) + (await exposeFleet()),
  };
}
