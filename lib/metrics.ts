import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry as MetricRegistry } from "prom-client";
import type { StoreReport } from "./api/fleet.ts";
import type { Loads } from "./balancing/load.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import { SFU_FAILURES } from "./errors.ts";
import type { Events } from "./events.ts";
import type { Breakers } from "./failover/breakers.ts";
import { CUTS } from "./http/connections.ts";
import type { Admission } from "./http/admission.ts";
import type { Registry } from "./sfu/registry.ts";
import type { BreakerState, Sfu } from "./sfu/sfu.ts";
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
const STATES = ["closed", "open", "half_open"] as const satisfies readonly BreakerState[];

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
  const { clock, events, registry, breakers, isAvailable, loads, assignments, connections, admission } = sources;
  const { storeReport, config, withProcess } = sources;
  const registers = [new MetricRegistry()];
  const [register] = registers as [MetricRegistry];
  if (withProcess) collectDefaultMetrics({ register });

  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: PREFIX + name, help, labelNames, registers });
  const fleetGauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    show: (gauge: Gauge<Label>, sfu: Sfu) => void,
  ): void => {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers,
      // Read afresh each time, so that an SFU that has left is not shown.
      collect() {
        this.reset();
        for (const sfu of registry.all()) show(this, sfu);
      },
    });
  };

  const requests = counter("channel_requests_total", "Requests for a channel by how they ended.", "outcome");
  const duration = new Histogram({
    name: `${PREFIX}channel_duration_seconds`,
    help: "Time from a channel request to its answer.",
    buckets: DURATION_BUCKETS,
    registers,
  });
  const attempts = counter("attempts_total", "Attempts at an SFU by how they ended.", "sfu", "outcome");
  const attemptDuration = new Histogram({
    name: `${PREFIX}attempt_duration_seconds`,
    help: "Time that an SFU took for an attempt, failed ones included.",
    labelNames: ["sfu"],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const failovers = counter("failovers_total", "Times that a request went on to another SFU, and why.", "reason");
  const coalesced = counter("coalesced_total", "Requests that shared the attempts of another one.");
  const rejected = counter("rejected_total", "Requests turned away before an SFU was asked, of all routes.", "reason");
  for (const reason of WATCHED_REJECTIONS) rejected.inc({ reason }, 0);
  const transitions = counter("breaker_transitions_total", "Changes of an SFU's circuit breaker.", "sfu", "to");

  // What an SFU that has left meanwhile does last would bring its series back.
  const isKnown = (sfu: Sfu): boolean => registry.get(sfu.address) !== null;

  // What alerts look at is 0 before it has happened, and not absent: Prometheus sees the first one only as a rise.
  for (const outcome of WATCHED_OUTCOMES) requests.inc({ outcome }, 0);
  for (const reason of SFU_FAILURES) failovers.inc({ reason }, 0);
  events.on("sfuAdded", ({ sfu }) => {
    attempts.inc({ sfu: sfu.address, outcome: "ok" }, 0);
    for (const to of STATES) transitions.inc({ sfu: sfu.address, to }, 0);
  });

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
  events.on("attempt", ({ sfu, error, durationMs }) => {
    if (!isKnown(sfu)) return;
    attempts.inc({ sfu: sfu.address, outcome: error?.failure ?? "ok" });
    attemptDuration.observe({ sfu: sfu.address }, durationMs / 1000);
  });
  events.on("failover", ({ from }) => failovers.inc({ reason: from.error?.failure ?? "ok" }));
  events.on("coalesced", () => coalesced.inc());
  events.on("rejected", ({ reason }) => rejected.inc({ reason }));
  events.on("turnedAway", ({ isCall, why }) => {
    if (why === "too_busy") rejected.inc({ reason: why });
    if (isCall) requests.inc({ outcome: why });
  });
  events.on("breaker", ({ sfu, to }) => {
    if (isKnown(sfu)) transitions.inc({ sfu: sfu.address, to });
  });
  events.on("sfuRemoved", ({ sfu }) => {
    attemptDuration.remove({ sfu: sfu.address });
    for (const outcome of ["ok", ...SFU_FAILURES]) attempts.remove({ sfu: sfu.address, outcome });
    for (const to of STATES) transitions.remove({ sfu: sfu.address, to });
  });

  fleetGauge("sfu_up", "1 while an SFU takes new conferences.", ["sfu", "region", "source"], (gauge, sfu) => {
    gauge.set({ sfu: sfu.address, region: regionLabel(sfu), source: sfu.source }, isAvailable(sfu) ? 1 : 0);
  });
  // Only the state that it is in: with all six, 1,000 SFUs would have 6,000 series of it.
  fleetGauge(
    "sfu_state",
    "1 for the state that probes, heartbeats and calls have shown an SFU to be in; the others are absent.",
    ["sfu", "region", "state"],
    (gauge, sfu) => gauge.set({ sfu: sfu.address, region: regionLabel(sfu), state: registry.health(sfu).state }, 1),
  );
  fleetGauge(
    "breaker_state",
    "1 for the state that an SFU's breaker is in.",
    ["sfu", "region", "state"],
    (gauge, sfu) => {
      const current = breakers.state(sfu);
      for (const state of STATES) {
        gauge.set({ sfu: sfu.address, region: regionLabel(sfu), state }, state === current ? 1 : 0);
      }
    },
  );
  const reported = (field: "sessions" | "channels", help: string): void =>
    fleetGauge(`sfu_${field}`, help, ["sfu", "region"], (gauge, sfu) => {
      const report = loads.report(sfu);
      if (report !== null) gauge.set({ sfu: sfu.address, region: regionLabel(sfu) }, report[field]);
    });
  reported("sessions", "Participants on an SFU, as it reported last; absent without a report.");
  reported("channels", "Conferences on an SFU, as it reported last; absent without a report.");
  fleetGauge("sfu_max_sessions", "How many participants fill an SFU.", ["sfu", "region"], (gauge, sfu) =>
    gauge.set({ sfu: sfu.address, region: regionLabel(sfu) }, sfu.maxSessions),
  );
  fleetGauge(
    "sfu_load_score",
    "What an SFU is ranked by, without the distance: 0 is idle, 1 about full.",
    ["sfu", "region"],
    (gauge, sfu) => gauge.set({ sfu: sfu.address, region: regionLabel(sfu) }, loads.totalOf(sfu)),
  );
  fleetGauge(
    "sfu_report_age_seconds",
    "Age of an SFU's last load report; absent where there was none.",
    ["sfu", "region"],
    (gauge, sfu) => {
      const report = registry.report(sfu);
      if (report !== null)
        gauge.set({ sfu: sfu.address, region: regionLabel(sfu) }, (clock.monotonic() - report.atMs) / 1000);
    },
  );
  fleetGauge("sfu_draining", "1 while an SFU is being drained.", ["sfu", "region"], (gauge, sfu) => {
    gauge.set({ sfu: sfu.address, region: regionLabel(sfu) }, registry.isDraining(sfu) ? 1 : 0);
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

  return { contentType: register.contentType, expose: () => register.metrics() };
}

function regionLabel({ region }: Sfu): string {
  return region ?? "none";
}
