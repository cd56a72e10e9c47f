import { expect } from "chai";
import type { StoreReport } from "../lib/api/fleet.ts";
import type { Loads } from "../lib/balancing/load.ts";
import { SfuError } from "../lib/errors.ts";
import { type ChannelRequestEvent, Events } from "../lib/events.ts";
import type { Breakers } from "../lib/failover/breakers.ts";
import { createMetrics, type Metrics } from "../lib/metrics.ts";
import { createRegistry, type Registry } from "../lib/sfu/registry.ts";
import { availability, type BreakerState, type Sfu } from "../lib/sfu/sfu.ts";
import { START_MS, useFakeClock } from "./support/clock.ts";
import { sfuOf } from "./support/fleet.ts";

const A = sfuOf(1, { region: "eu-west-3" });
const B = sfuOf(2);

describe("metrics", () => {
  const clock = useFakeClock();
  let events: Events;
  let registry: Registry;
  let metrics: Metrics;
  let open: ReadonlySet<Sfu>;
  let assignments: number;
  let budgetMs: number;
  let storeReport: StoreReport | null;
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    open = new Set();
    assignments = 0;
    budgetMs = 2500;
    storeReport = null;
    const state = (sfu: Sfu): BreakerState => (open.has(sfu) ? "open" : "closed");
    const isAvailable = (sfu: Sfu): boolean =>
      availability({
        health: registry.health(sfu),
        admits: open.has(sfu) ? "none" : "all",
        isDraining: registry.isDraining(sfu),
        overload: null,
      }).kind === "available";
    metrics = createMetrics({
      clock,
      events,
      registry,
      breakers: { state } as Partial<Breakers> as Breakers,
      isAvailable,
      loads: { report: (sfu) => registry.report(sfu), totalOf: () => 0.25 } as Partial<Loads> as Loads,
      assignments: { size: () => assignments },
      connections: () => 12,
      admission: { inFlight: 7 },
      storeReport: () => storeReport,
      config: () => ({ failover: { maxRetries: 3, retryTimeoutMs: budgetMs, attemptTimeoutMs: 1000 } }),
      withProcess: false,
    });
    registry.put(A);
    registry.put(B);
  });

  /** The series of one metric by their labels, as Prometheus reads them. */
  const series = async (name: string): Promise<Record<string, number>> => {
    const found: Record<string, number> = {};
    for (const line of (await metrics.expose()).split("\n")) {
      const [, labels, value] = new RegExp(`^sfu_gateway_${name}(?:\\{(.*)\\})? (\\S+)$`).exec(line) ?? [];
      if (value !== undefined) found[labels ?? ""] = Number(value);
    }
    return found;
  };
  const attempt = (sfu: Sfu, error: SfuError | null = null): void =>
    events.emit("attempt", { requestId: "r", sfu, durationMs: 20, error });
  const request = (parts: Partial<ChannelRequestEvent>): void =>
    events.emit("channelRequest", {
      requestId: "r",
      outcome: "ok",
      status: 200,
      durationMs: 40,
      conference: null,
      region: null,
      country: null,
      callerAddress: "",
      servedBy: null,
      coalesced: false,
      attempts: [],
      error: null,
      ...parts,
    });

  it("begin at 0, so that the first of a kind is a rise", async () => {
    expect(await series("channel_requests_total")).to.deep.equal({
      'outcome="ok"': 0,
      'outcome="all_candidates_failed"': 0,
      'outcome="no_sfu_available"': 0,
      'outcome="overloaded"': 0,
      'outcome="too_busy"': 0,
      'outcome="internal"': 0,
      'outcome="invalid_token"': 0,
    });
    expect(await series("failovers_total")).to.include({ 'reason="refused"': 0, 'reason="timeout"': 0 });
    expect(await series("disconnects_total")).to.deep.equal({ 'outcome="ok"': 0 });
    expect(await series("config_reloads_total")).to.deep.equal({ 'outcome="ok"': 0, 'outcome="failed"': 0 });
    expect(await series("heartbeats_total")).to.deep.equal({ 'outcome="ok"': 0 });
    expect(await series("attempts_total")).to.deep.equal({
      'sfu="http://sfu1.test",outcome="ok"': 0,
      'sfu="http://sfu2.test",outcome="ok"': 0,
    });
    expect(Object.values(await series("breaker_transitions_total"))).to.deep.equal([0, 0, 0, 0, 0, 0]);
    expect(await series("coalesced_total")).to.deep.equal({ "": 0 });
  });

  it("count requests and their time in seconds", async () => {
    request({});
    request({ outcome: "no_sfu_available", status: 503, durationMs: 2000 });
    expect(await series("channel_requests_total")).to.include({ 'outcome="ok"': 1, 'outcome="no_sfu_available"': 1 });
    expect(await series("channel_duration_seconds_sum")).to.deep.equal({ "": 2.04 });
    expect(await series("channel_duration_seconds_bucket")).to.include({
      'le="0.025"': 0,
      'le="0.05"': 1,
      'le="2"': 2,
      'le="+Inf"': 2,
    });
  });

  it("count attempts by SFU and outcome, and their time", async () => {
    attempt(A);
    attempt(A, new SfuError("timeout", "did not answer"));
    expect(await series("attempts_total")).to.include({
      'sfu="http://sfu1.test",outcome="ok"': 1,
      'sfu="http://sfu1.test",outcome="timeout"': 1,
    });
    expect(await series("attempt_duration_seconds_count")).to.deep.equal({ 'sfu="http://sfu1.test"': 2 });
  });

  it("show the connections, and count those that were cut", async () => {
    events.emit("connectionCut", { why: "idle", address: "10.0.0.1" });
    expect(await series("connections")).to.deep.equal({ "": 12 });
    expect(await series("connections_cut_total")).to.deep.equal({ 'why="full"': 0, 'why="idle"': 1, 'why="slow"': 0 });
  });

  it("count failovers, shared attempts, refusals and what breakers do", async () => {
    const error = new SfuError("refused", "refused the connection");
    events.emit("failover", { from: { requestId: "r", sfu: A, durationMs: 1, error } });
    events.emit("coalesced", { requestId: "r" });
    const request = { requestId: "r", method: "GET", path: "/v1/channel", callerAddress: "192.0.2.1" };
    events.emit("rejected", { ...request, reason: "invalid_token", status: 401, message: "it has expired" });
    events.emit("breaker", { sfu: A, from: "closed", to: "open" });
    expect(await series("failovers_total")).to.include({ 'reason="refused"': 1, 'reason="reset"': 0 });
    expect(await series("coalesced_total")).to.deep.equal({ "": 1 });
    expect(await series("rejected_total")).to.deep.equal({
      'reason="invalid_token"': 1,
      'reason="rate_limited"': 0,
      'reason="too_busy"': 0,
    });
    expect(await series("breaker_transitions_total")).to.include({ 'sfu="http://sfu1.test",to="open"': 1 });
  });

  it("show the shared store and who is in it, where there is one", async () => {
    expect([await series("store_up"), await series("instances")]).to.deep.equal([{}, {}]);
    storeReport = { away: false, forSeconds: null, instances: 3 };
    expect([await series("store_up"), await series("instances")]).to.deep.equal([{ "": 1 }, { "": 3 }]);
    storeReport = { away: true, forSeconds: 7, instances: 1 };
    expect([await series("store_up"), await series("instances")]).to.deep.equal([{ "": 0 }, { "": 1 }]);
  });

  it("count commands to the store and their time, each outcome from the first command on", async () => {
    expect(await series("store_commands_total")).to.deep.equal({});
    events.emit("storeCommand", { name: "enter", durationMs: 0.4, outcome: "ok" });
    events.emit("storeCommand", { name: "enter", durationMs: 100, outcome: "timeout" });
    expect(await series("store_commands_total")).to.deep.equal({
      'command="enter",outcome="ok"': 1,
      'command="enter",outcome="timeout"': 1,
      'command="enter",outcome="error"': 0,
    });
    expect(await series("store_command_duration_seconds_bucket")).to.include({
      'le="0.00025",command="enter"': 0,
      'le="0.0005",command="enter"': 1,
      'le="0.1",command="enter"': 2,
    });
    expect(await series("store_command_duration_seconds_sum")).to.deep.equal({ 'command="enter"': 0.1004 });
  });

  it("count whom the gateway turned away, and show how many it has in hand", async () => {
    events.emit("turnedAway", { isCall: true, why: "too_busy" });
    events.emit("turnedAway", { isCall: false, why: "too_busy" });
    events.emit("turnedAway", { isCall: true, why: "caller_gone" });
    expect(await series("rejected_total")).to.include({ 'reason="too_busy"': 2 });
    expect(await series("channel_requests_total")).to.include({ 'outcome="too_busy"': 1, 'outcome="caller_gone"': 1 });
    expect(await series("requests_in_flight")).to.deep.equal({ "": 7 });
  });

  it("show which SFUs can be asked", async () => {
    open = new Set([A]);
    registry.setHealth(B, { state: "misconfigured", sinceMs: 0, reason: "wrong key" });
    expect(await series("sfu_up")).to.deep.equal({
      'sfu="http://sfu1.test",region="eu-west-3",source="static"': 0,
      'sfu="http://sfu2.test",region="none",source="static"': 0,
    });
    open = new Set();
    registry.setHealth(B, { state: "failing", sinceMs: 0, reason: "reset" });
    expect(Object.values(await series("sfu_up"))).to.deep.equal([1, 1]);
  });

  it("show the state of each SFU, and none that it is not in", async () => {
    registry.setHealth(A, { state: "down", sinceMs: 0, reason: "refused the connection" });
    expect(await series("sfu_state")).to.deep.equal({
      'sfu="http://sfu1.test",region="eu-west-3",state="down"': 1,
      'sfu="http://sfu2.test",region="none",state="unknown"': 1,
    });
    registry.setHealth(A, { state: "healthy", sinceMs: 0 });
    expect(await series("sfu_state")).to.include({ 'sfu="http://sfu1.test",region="eu-west-3",state="healthy"': 1 });
    expect(Object.keys(await series("sfu_state"))).to.have.length(2);
  });

  it("show the state of each breaker as 1 of three", async () => {
    open = new Set([B]);
    expect(await series("breaker_state")).to.deep.equal({
      'sfu="http://sfu1.test",region="eu-west-3",state="closed"': 1,
      'sfu="http://sfu1.test",region="eu-west-3",state="open"': 0,
      'sfu="http://sfu1.test",region="eu-west-3",state="half_open"': 0,
      'sfu="http://sfu2.test",region="none",state="closed"': 0,
      'sfu="http://sfu2.test",region="none",state="open"': 1,
      'sfu="http://sfu2.test",region="none",state="half_open"': 0,
    });
  });

  it("show what each SFU reported last, and nothing for one that did not", async () => {
    const labels = 'sfu="http://sfu1.test",region="eu-west-3"';
    registry.setReport(A, { sessions: 12, channels: 3, cpu: null, memory: null, atMs: clock.monotonic() });
    await clock.elapse(4000);
    expect(await series("sfu_sessions")).to.deep.equal({ [labels]: 12 });
    expect(await series("sfu_channels")).to.deep.equal({ [labels]: 3 });
    expect(await series("sfu_max_sessions")).to.include({ [labels]: 1000 });
    expect(await series("sfu_report_age_seconds")).to.deep.equal({ [labels]: 4 });
    expect(Object.values(await series("sfu_load_score"))).to.deep.equal([0.25, 0.25]);
  });

  it("show which SFUs are drained: they take no new conferences", async () => {
    registry.setDraining(B, true);
    expect(Object.values(await series("sfu_draining"))).to.deep.equal([0, 1]);
    expect(Object.values(await series("sfu_up"))).to.deep.equal([1, 0]);
  });

  it("count heartbeats by what became of them", async () => {
    events.emit("heartbeat", { outcome: "ok", address: A.address, error: null });
    events.emit("heartbeat", { outcome: "replayed", address: null, error: null });
    expect(await series("heartbeats_total")).to.deep.equal({ 'outcome="ok"': 1, 'outcome="replayed"': 1 });
  });

  it("count requests to disconnect by how they ended", async () => {
    const disconnect = {
      requestId: "r",
      durationMs: 3,
      callerAddress: "",
      channels: 1,
      unknown: 0,
      silent: 0,
      asked: [A],
    };
    events.emit("disconnect", { ...disconnect, outcome: "ok", failed: [], error: null });
    events.emit("disconnect", { ...disconnect, outcome: "invalid_token", failed: [], error: null });
    expect(await series("disconnects_total")).to.deep.equal({ 'outcome="ok"': 1, 'outcome="invalid_token"': 1 });
  });

  it("show how the last reload went, and since when the configuration is in force", async () => {
    const shown = async (): Promise<number[]> => [
      ...Object.values(await series("config_last_reload_successful")),
      ...Object.values(await series("config_last_reload_success_timestamp_seconds")),
    ];
    const start = START_MS / 1000;
    expect(await shown()).to.deep.equal([1, start]);
    await clock.elapse(5000);
    events.emit("configReload", { changes: [], error: new Error("no such key") });
    expect(await shown()).to.deep.equal([0, start]);
    await clock.elapse(5000);
    events.emit("configReload", { changes: [], error: null });
    expect(await shown()).to.deep.equal([1, start + 10]);
    expect(await series("config_reloads_total")).to.deep.equal({ 'outcome="ok"': 1, 'outcome="failed"': 1 });
  });

  it("show the budget that is in force", async () => {
    expect(await series("failover_budget_seconds")).to.deep.equal({ "": 2.5 });
    budgetMs = 1000;
    expect(await series("failover_budget_seconds")).to.deep.equal({ "": 1 });
  });

  it("show assignments and the version", async () => {
    assignments = 7;
    expect(await series("assignments")).to.deep.equal({ "": 7 });
    const [labels] = Object.keys(await series("build_info"));
    expect(labels).to.match(/^version="\d+\.\d+\.\d+",node="\d+\.\d+\.\d+"$/);
  });

  describe("of an SFU that leaves", () => {
    const expectNoTrace = async (): Promise<void> => {
      expect(await metrics.expose()).not.to.contain("sfu1.test");
      expect(await metrics.expose()).to.contain("sfu2.test");
    };
    beforeEach(() => {
      attempt(A);
      attempt(A, new SfuError("tls", "refused"));
      events.emit("breaker", { sfu: A, from: "closed", to: "open" });
      registry.remove(A.address, "static");
    });

    it("leave with it", async () => {
      await expectNoTrace();
    });

    it("do not come back with what it does last", async () => {
      attempt(A);
      events.emit("breaker", { sfu: A, from: "open", to: "half_open" });
      await expectNoTrace();
    });

    it("begin at 0 when it comes back", async () => {
      registry.put(A);
      expect(await series("attempts_total")).to.include({ 'sfu="http://sfu1.test",outcome="ok"': 0 });
      expect(await series("attempts_total")).not.to.have.property('sfu="http://sfu1.test",outcome="tls"');
    });
  });

  it("show the process only where they are told to", async () => {
    expect(await metrics.expose()).not.to.contain("process_cpu");
    expect(metrics.contentType).to.match(/^text\/plain/);
  });

  it("have help for every one", async () => {
    const text = await metrics.expose();
    for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm))
      expect(text).to.match(new RegExp(`^# HELP ${name!} \\S`, "m"));
  });
});
