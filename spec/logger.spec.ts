import { expect } from "chai";
import got, { RequestError } from "got";
import { createServer } from "node:net";
import { parseKey } from "../lib/auth/keys.ts";
import { systemClock } from "../lib/clock.ts";
import { ConfigError } from "../lib/config/fault.ts";
import { GatewayError, ListError, SfuError } from "../lib/errors.ts";
import {
  type AttemptEvent,
  type ChannelRequestEvent,
  type DisconnectEvent,
  type EventMap,
  Events,
} from "../lib/events.ts";
import { createLogger, logEvents, type Logger } from "../lib/logger.ts";
import type { Sfu } from "../lib/sfu/sfu.ts";
import { useFakeClock } from "./support/clock.ts";
import { sfuKey } from "./support/tokens.ts";

interface Lines {
  readonly logger: Logger;
  readonly text: () => string;
  readonly all: () => readonly Readonly<Record<string, unknown>>[];
  /** The one line that there must be. */
  readonly only: () => Readonly<Record<string, unknown>>;
}

function lines(level = "trace"): Lines {
  const written: string[] = [];
  const all = (): Readonly<Record<string, unknown>>[] =>
    written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    logger: createLogger(level, { write: (line) => void written.push(line) }),
    text: () => written.join(""),
    all,
    only() {
      expect(written).to.have.length(1);
      return all()[0]!;
    },
  };
}

function sfuOf(number: number): Sfu {
  const address = `http://10.0.0.${number}:8070`;
  const key = parseKey(sfuKey(number));
  return {
    address,
    region: "eu",
    source: "static",
    publicUrl: null,
    weight: 1,
    maxSessions: 1000,
    statsToken: null,
    key,
  };
}

function attempt(sfu: Sfu, error: SfuError | null = null): AttemptEvent {
  return { requestId: "r1", sfu, durationMs: 12.345, error };
}

/** A request that the first SFU served. */
function served(changes: Partial<ChannelRequestEvent> = {}): ChannelRequestEvent {
  return {
    requestId: "r1",
    outcome: "ok",
    status: 200,
    durationMs: 23.456,
    conference: "0123456789ab",
    region: "eu",
    country: null,
    callerAddress: "192.0.2.1",
    servedBy: sfuOf(1),
    coalesced: false,
    attempts: [attempt(sfuOf(1))],
    error: null,
    ...changes,
  };
}

/** A request that nobody served. */
function unserved(error: Error, attempts: readonly AttemptEvent[] = []): ChannelRequestEvent {
  const { code, status } = error instanceof GatewayError ? error : { code: "internal" as const, status: 500 };
  return served({ outcome: code, status, servedBy: null, attempts, error });
}

/** A request to end sessions that one SFU took. */
function disconnected(changes: Partial<DisconnectEvent> = {}): DisconnectEvent {
  return {
    requestId: "r1",
    outcome: "ok",
    durationMs: 3.456,
    callerAddress: "192.0.2.1",
    channels: 2,
    unknown: 0,
    silent: 0,
    asked: [sfuOf(1)],
    failed: [],
    error: null,
    ...changes,
  };
}

describe("a logger", () => {
  it("writes one line of JSON, with time, level and version for people", () => {
    const log = lines();
    log.logger.info({ port: 8071 }, "hello");
    expect(log.text()).to.match(/^\{.*\}\n$/);
    expect(log.only()).to.include({ level: "info", port: 8071, msg: "hello" });
    expect(log.only().time).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(log.only().version).to.match(/^\d+\.\d+\.\d+/);
  });

  it("leaves out what is below its level", () => {
    const log = lines("warn");
    log.logger.debug("debug");
    log.logger.info("info");
    log.logger.warn("warn");
    log.logger.error("error");
    expect(log.all().map(({ msg }) => msg)).to.deep.equal(["warn", "error"]);
  });

  it("says nothing at all when it is silent", () => {
    const log = lines("silent");
    log.logger.fatal("fatal");
    expect(log.text()).to.equal("");
  });

  it("shows neither key nor options of a got error that carries them", async () => {
    const error = await gotError();
    const log = lines();
    log.logger.error({ err: error }, "failed");
    log.logger.error({ err: error });
    log.logger.error(error);
    log.logger.error({ err: new Error("around", { cause: error }) }, "failed");
    for (const line of log.all()) expect(line.err).to.be.an("object");
    expect(log.all()[0]!.err).to.include({ type: "RequestError", code: "ECONNREFUSED" });
    expect(log.text()).not.to.match(/Bearer|s3cr3t|authorization|127\.0\.0\.1/i);
  });

  const ways: readonly (readonly [how: string, log: (logger: Logger, error: Error) => void])[] = [
    ["with a text", (logger, error) => logger.error({ err: error }, "it failed")],
    ["without a text", (logger, error) => logger.error({ err: error, where: "here" })],
    ["as the line itself", (logger, error) => logger.error(error)],
    ["as the line itself, with a text", (logger, error) => logger.error(error, "it failed")],
    [
      "as a cause",
      (logger, error) => logger.error({ err: new GatewayError("internal", "x", { status: 500, cause: error }) }),
    ],
    ["through a child", (logger, error) => logger.child({ requestId: "r1" }).warn({ err: error })],
  ];
  for (const [how, write] of ways) {
    it(`shows no message of a foreign error that is logged ${how}`, () => {
      const log = lines();
      write(log.logger, new TypeError("s3cr3t\n    at s3cr3t (s3cr3t)\nmore"));
      expect(log.text()).to.include("TypeError").and.include("logger.spec.ts").and.not.include("s3cr3t");
    });
  }

  it("shows where a foreign error comes from", () => {
    const log = lines();
    log.logger.error({ err: new RangeError("s3cr3t") }, "it failed");
    const { type, stack } = log.only().err as { type: string; stack: string };
    expect(type).to.equal("RangeError");
    for (const frame of stack.split("\n")) expect(frame).to.match(/^ +at /);
  });

  it("shows the text of the gateway's own errors, and their causes by kind", () => {
    const log = lines();
    const cause = new SfuError("timeout", "did not answer within 1000 ms");
    log.logger.error({ err: new GatewayError("internal", "oh no", { status: 500, cause }) });
    expect(log.only().msg).to.equal("oh no");
    expect(log.only().err).to.deep.include({ type: "GatewayError", message: "oh no", code: "internal" });
    expect(log.only()).to.have.nested.include({ "err.cause.message": cause.message, "err.cause.type": "SfuError" });
  });

  it("survives errors that are their own cause, have no stack, or are none", () => {
    const log = lines();
    const circle = new Error("s3cr3t");
    circle.cause = new Error("s3cr3t", { cause: circle });
    const bare = new Error("s3cr3t");
    delete bare.stack;
    const odd = Object.assign(new Error("s3cr3t"), { code: { token: "s3cr3t" } });
    for (const err of [circle, bare, odd, "s3cr3t", { token: "s3cr3t" }, 7, null]) log.logger.error({ err }, "failed");
    expect(log.all()).to.have.length(7);
    expect(log.text()).not.to.include("s3cr3t");
    expect(
      log
        .all()
        .slice(3)
        .map(({ err }) => err),
    ).to.deep.equal([{ type: "string" }, { type: "object" }, { type: "number" }, { type: "object" }]);
  });
});

describe("the log", () => {
  function logged(emit: (events: Events) => void): Lines {
    const log = lines();
    const events = new Events();
    logEvents(events, log.logger, systemClock);
    emit(events);
    return log;
  }
  const request = (event: ChannelRequestEvent): Readonly<Record<string, unknown>> =>
    logged((events) => events.emit("channelRequest", event)).only();

  it("has one line for a request, with all that is known of it", () => {
    const { time, version, ...line } = request(served());
    expect([time, version]).to.not.include(undefined);
    expect(line).to.deep.equal({
      level: "info",
      requestId: "r1",
      outcome: "ok",
      status: 200,
      conference: "0123456789ab",
      region: "eu",
      country: null,
      callerAddress: "192.0.2.1",
      sfu: "http://10.0.0.1:8070",
      coalesced: false,
      attempts: [{ sfu: "http://10.0.0.1:8070", outcome: "ok", ms: 12.3 }],
      ms: 23.5,
      msg: "channel served by http://10.0.0.1:8070 in 23.5 ms",
    });
  });

  it("warns of a request that was served at the second try, and says why", () => {
    const attempts = [attempt(sfuOf(1), new SfuError("refused", "refused the connection")), attempt(sfuOf(2))];
    const line = request(served({ servedBy: sfuOf(2), attempts }));
    expect(line).to.include({ level: "warn", sfu: "http://10.0.0.2:8070" });
    expect(line.msg).to.equal(
      "channel served by http://10.0.0.2:8070 in 23.5 ms, after http://10.0.0.1:8070 refused the connection",
    );
    expect(line.attempts).to.deep.equal([
      { sfu: "http://10.0.0.1:8070", outcome: "refused", ms: 12.3 },
      { sfu: "http://10.0.0.2:8070", outcome: "ok", ms: 12.3 },
    ]);
  });

  it("says which request was served together with another one", () => {
    expect(request(served({ coalesced: true })).msg).to.include(
      "by http://10.0.0.1:8070 together with another request in",
    );
  });

  it("says which request was served together with one to another gateway", () => {
    const { msg } = request(served({ coalesced: true, attempts: [] }));
    expect(msg).to.include("by http://10.0.0.1:8070 together with a request to another gateway in");
    const strange = request(served({ coalesced: true, attempts: [], servedBy: null }));
    expect(strange.msg).to.include("by an SFU that is not known here together with");
  });

  const ends: readonly (readonly [error: GatewayError, level: string])[] = [
    [new GatewayError("missing_issuer", "no iss", { status: 403 }), "warn"],
    [new GatewayError("refused_by_sfu", "refused", { status: 409 }), "warn"],
    [new GatewayError("caller_gone", "the caller hung up", { status: 499 }), "warn"],
    [new GatewayError("no_sfu_available", "none", { status: 503 }), "error"],
    [new GatewayError("all_candidates_failed", "all failed", { status: 503 }), "error"],
    [new GatewayError("internal", "oh no", { status: 500 }), "error"],
  ];
  for (const [error, level] of ends) {
    it(`has a request that ends with ${error.code} at the level ${level}`, () => {
      const line = request(unserved(error));
      expect(line).to.include({ level, outcome: error.code, status: error.status, sfu: null });
      expect(line.msg).to.equal(`no channel after 23.5 ms: ${error.message}`);
    });
  }

  describe("of requests that anybody can send", () => {
    const clock = useFakeClock();
    const rejection = (changes: Partial<EventMap["rejected"]> = {}): EventMap["rejected"] => ({
      requestId: "r1",
      reason: "invalid_token",
      status: 401,
      message: "the token was refused: it has expired",
      method: "GET",
      path: "/v1/channel",
      callerAddress: "192.0.2.1",
      ...changes,
    });
    const rejections = (...all: readonly Partial<EventMap["rejected"]>[]): Lines =>
      logged((events) => {
        for (const changes of all) events.emit("rejected", rejection(changes));
      });

    it("has a line of one form, whatever the route", () => {
      const { time, version, ...line } = rejections({}).only();
      expect([time, version]).to.not.include(undefined);
      expect(line).to.deep.equal({
        level: "warn",
        requestId: "r1",
        outcome: "invalid_token",
        status: 401,
        callerAddress: "192.0.2.1",
        path: "/v1/channel",
        msg: "GET /v1/channel was refused: the token was refused: it has expired",
      });
    });

    for (const reason of ["missing_token", "body_too_large", "loop_detected", "rate_limited"] as const) {
      it(`has one for ${reason}, and no second one from its route`, () => {
        const error = new GatewayError(reason, "refused", { status: 400 });
        const log = logged((events) => {
          events.emit("rejected", rejection({ reason, status: 400, message: "refused" }));
          events.emit("channelRequest", unserved(error));
          events.emit("heartbeat", { outcome: reason, address: null, error });
          events.emit("disconnect", disconnected({ outcome: reason, error }));
        });
        expect(log.only()).to.include({ outcome: reason, msg: "GET /v1/channel was refused: refused" });
      });
    }

    it("leaves out paths that are not there, which scanners ask for all day, and what routes tell of by themselves", () => {
      const log = rejections({ reason: "not_found" }, { reason: "method_not_allowed" }, { reason: "missing_issuer" });
      expect(log.all()).to.deep.equal([]);
    });

    it("shows the beginning of a path without an end", () => {
      expect(rejections({ reason: "rate_limited", path: `/${"x".repeat(10_000)}` }).only().path).to.have.length(100);
    });

    it("has a few a minute, and then how many more there were", async () => {
      const log = rejections(...Array.from({ length: 4125 }, () => ({})), { reason: "rate_limited" });
      expect(log.all().map(({ outcome }) => outcome)).to.deep.equal([
        ...Array<string>(5).fill("invalid_token"),
        "rate_limited",
      ]);
      await clock.elapse(60_000);
      expect(log.all().at(-1)).to.include({
        level: "warn",
        outcome: "invalid_token",
        count: 4120,
        senders: 1,
        msg: "4120 more were refused within a minute, of 1 sender, and have no line each: invalid_token",
      });
    });

    it("has those of a thousand senders or more for what they are", async () => {
      const senders = Array.from({ length: 3000 }, (_, index) => ({ callerAddress: String(index) }));
      const log = rejections(...senders);
      await clock.elapse(60_000);
      expect(log.all().at(-1)!.msg).to.include("2980 more").and.to.include("of 1000 senders or more");
    });

    it("tells the rest when the gateway ends", () => {
      const log = lines();
      const events = new Events();
      const end = logEvents(events, log.logger, clock);
      for (let count = 0; count < 6; count++) events.emit("rejected", rejection());
      end();
      expect(log.all().at(-1)).to.include({ outcome: "invalid_token", count: 1 });
    });

    it("has a few of the heartbeats that are sent again, by whoever has listened to one, for each SFU", async () => {
      const error = new GatewayError("replayed", "this heartbeat was accepted before", { status: 401 });
      const log = logged((events) => {
        for (let count = 0; count < 100; count++) {
          events.emit("heartbeat", { outcome: error.code, address: "http://sfu1", error });
        }
        events.emit("heartbeat", { outcome: error.code, address: "http://sfu2", error });
      });
      expect(log.all().map(({ sfu }) => sfu)).to.deep.equal([...Array<string>(5).fill("http://sfu1"), "http://sfu2"]);
      await clock.elapse(60_000);
      expect(log.all().at(-1)).to.include({ outcome: "heartbeat replayed", count: 95, senders: 1 });
    });

    it("leaves out no call whose token was good, however many there are", () => {
      const error = new GatewayError("all_candidates_failed", "2 SFUs were asked", { status: 503 });
      const issuer = new GatewayError("missing_issuer", "no iss", { status: 403 });
      const log = logged((events) => {
        for (let count = 0; count < 500; count++) {
          for (const event of [served(), unserved(error), unserved(issuer)]) events.emit("channelRequest", event);
        }
      });
      expect(log.all()).to.have.length(1500);
    });

    it("says that callers behind a proxy share one limit, and how to mend it", () => {
      const line = logged((events) => events.emit("unknownProxy", { address: "10.0.0.2" })).only();
      expect(line).to.include({ level: "warn", address: "10.0.0.2" });
      expect(line.msg).to.match(/^10\.0\.0\.2 passes requests on .*SFU_GATEWAY_TRUST_PROXY.*\[rate_limit\]$/);
    });
  });

  it("says of each SFU why it did not serve", () => {
    const attempts = [1, 2].map((number) => attempt(sfuOf(number), new SfuError("timeout", "hung")));
    const error = new GatewayError("all_candidates_failed", "all failed", { status: 503 });
    expect(request(unserved(error, attempts)).msg).to.equal(
      "no channel after 23.5 ms: all failed: http://10.0.0.1:8070 hung; http://10.0.0.2:8070 hung",
    );
  });

  it("shows no message of a foreign error that ended a request", () => {
    const line = request(unserved(new TypeError("s3cr3t")));
    expect(line).to.include({ level: "error", msg: "no channel after 23.5 ms: TypeError" });
    expect(JSON.stringify(line)).not.to.include("s3cr3t");
  });

  it("shows no key, whatever the event", () => {
    const sfu = sfuOf(1);
    const log = logged((events) => {
      events.emit("channelRequest", served());
      events.emit("breaker", { sfu, from: "closed", to: "open" });
      events.emit("health", { sfu, from: { state: "unknown", sinceMs: 0 }, to: { state: "healthy", sinceMs: 0 } });
    });
    expect(log.all()).to.have.length(3);
    expect(log.text()).not.to.include(sfuKey(1)).and.not.include("[key]");
  });

  for (const [to, level] of [
    ["open", "error"],
    ["half_open", "info"],
    ["closed", "info"],
  ] as const) {
    it(`tells of a breaker that is ${to} at the level ${level}`, () => {
      const line = logged((events) => events.emit("breaker", { sfu: sfuOf(1), from: "closed", to })).only();
      expect(line).to.include({ level, sfu: "http://10.0.0.1:8070", region: "eu", from: "closed", to });
      expect(line.msg).to.match(/^breaker of http:\/\/10\.0\.0\.1:8070 is /);
    });
  }

  it("tells of an SFU's health, the louder the more somebody must do about it", () => {
    const log = logged((events) => {
      const tell = (to: Parameters<typeof events.emit<"health">>[1]["to"]): void =>
        events.emit("health", { sfu: sfuOf(1), from: { state: "unknown", sinceMs: 0 }, to });
      tell({ state: "healthy", sinceMs: 0 });
      tell({ state: "down", sinceMs: 0, reason: "refused the connection" });
      tell({ state: "expired", sinceMs: 0, reason: "has sent no heartbeat for 30 s" });
      tell({ state: "failing", sinceMs: 0, reason: "refused the connection" });
      tell({ state: "misconfigured", sinceMs: 0, reason: "it refuses its key" });
    });
    expect(log.all().map(({ level, to, reason }) => ({ level, to, reason }))).to.deep.equal([
      { level: "debug", to: "healthy", reason: null },
      { level: "error", to: "down", reason: "refused the connection" },
      { level: "warn", to: "expired", reason: "has sent no heartbeat for 30 s" },
      { level: "warn", to: "failing", reason: "refused the connection" },
      { level: "error", to: "misconfigured", reason: "it refuses its key" },
    ]);
  });

  it("tells of an SFU that is well again", () => {
    const from = { state: "down", sinceMs: 0, reason: "refused the connection" } as const;
    const line = logged((events) =>
      events.emit("health", { sfu: sfuOf(1), from, to: { state: "healthy", sinceMs: 0 } }),
    ).only();
    expect(line).to.include({ level: "info", msg: "http://10.0.0.1:8070 is healthy" });
  });

  it("tells of statistics that cannot be read, and what to do about a refusal", () => {
    const log = logged((events) => {
      const error = new SfuError("unauthorized", "refused the token", 401);
      events.emit("statistics", { sfu: sfuOf(1), error });
      events.emit("statistics", { sfu: sfuOf(1), error: null });
    });
    const [refused, read] = log.all();
    expect(refused).to.include({ level: "warn", sfu: "http://10.0.0.1:8070" });
    expect(refused!.msg).to.contain("its load is guessed").and.contain("stats_token");
    expect(read).to.include({ level: "info", msg: "the statistics of http://10.0.0.1:8070 can be read again" });
  });

  it("tells of the external list, and what stays in force where it cannot be read", () => {
    const log = logged((events) => {
      events.emit("externalList", { sfus: 1, error: null });
      events.emit("externalList", { sfus: 2, error: new ListError("answered with status 500") });
      events.emit("externalList", { sfus: 0, error: null });
    });
    expect(log.all().map(({ level, msg }) => `${String(level)} ${String(msg)}`)).to.deep.equal([
      "info the external list was read: 1 SFU",
      "error the external list answered with status 500; the last good one stays: 2 SFUs",
      "warn the external list is empty",
    ]);
  });

  it("tells why a heartbeat was refused, and of the others only whoever debugs", () => {
    const error = new GatewayError("address_not_allowed", "this address may not register", { status: 403 });
    const log = logged((events) => {
      events.emit("heartbeat", { outcome: "ok", address: "http://sfu1", error: null });
      events.emit("heartbeat", { outcome: error.code, address: "http://sfu1", error });
    });
    expect(log.all().map(({ level, msg }) => `${String(level)} ${String(msg)}`)).to.deep.equal([
      "debug heartbeat of http://sfu1",
      "warn a heartbeat of http://sfu1 was refused: this address may not register",
    ]);
  });

  it("tells who joins, changes and leaves, those of the configuration aside, of which a reload tells in one line", () => {
    const sfu = sfuOf(1);
    const log = logged((events) => {
      for (const source of ["static", "heartbeat"] as const) {
        const one = { ...sfu, source };
        events.emit("sfuAdded", { sfu: one });
        events.emit("sfuChanged", { from: one, to: one });
        events.emit("sfuRemoved", { sfu: one });
      }
    });
    expect(log.all().map(({ level }) => level)).to.deep.equal(["debug", "debug", "debug", "info", "info", "info"]);
    expect(log.text()).not.to.include(sfuKey(1));
  });

  it("tells of a breaker whose trial failed, without an alarm each time", () => {
    const line = logged((events) => events.emit("breaker", { sfu: sfuOf(1), from: "half_open", to: "open" })).only();
    expect(line).to.include({ level: "info" });
  });

  describe("of a reload", () => {
    const line = (event: EventMap["configReload"]): Readonly<Record<string, unknown>> =>
      logged((events) => events.emit("configReload", event)).only();
    const seven = Array.from({ length: 7 }, (_, index) => `change ${String(index + 1)}`);
    const fault = { where: "gateway.toml:7", what: "[failover]", problem: "no such table" };

    it("tells what has changed", () => {
      expect(line({ changes: ["one", "another"], error: null })).to.deep.include({
        level: "info",
        changes: ["one", "another"],
        msg: "reloaded: one; another",
      });
    });

    it("tells no more in one sentence than somebody reads, and all of it in a field", () => {
      expect(line({ changes: seven, error: null })).to.deep.include({
        changes: seven,
        msg: "reloaded: change 1; change 2; change 3; change 4; change 5; and 2 more",
      });
    });

    it("tells that nothing has changed", () => {
      expect(line({ changes: [], error: null })).to.include({ level: "info", msg: "reloaded: nothing has changed" });
    });

    it("tells every fault of a configuration that was not taken", () => {
      expect(
        line({ changes: [], error: new ConfigError([fault, { ...fault, where: "SFU_GATEWAY_KEY" }]) }),
      ).to.deep.include({
        level: "error",
        faults: ["gateway.toml:7: [failover]: no such table", "SFU_GATEWAY_KEY: [failover]: no such table"],
        msg: "not reloaded, nothing has changed, for there are 2 faults: gateway.toml:7: [failover]: no such table; SFU_GATEWAY_KEY: [failover]: no such table",
      });
    });

    it("tells nothing that an error of nobody's may hold", () => {
      const log = logged((events) => events.emit("configReload", { changes: [], error: new Error(sfuKey(1)) }));
      expect(log.only()).to.include({ level: "error", msg: "not reloaded, for the gateway is at fault" });
      expect(log.text()).not.to.include(sfuKey(1));
    });
  });

  it("tells of a drain and of its end", () => {
    const log = logged((events) => {
      events.emit("drain", { sfu: sfuOf(1), isDraining: true });
      events.emit("drain", { sfu: sfuOf(1), isDraining: false });
    });
    expect(log.all().map(({ msg }) => msg)).to.deep.equal([
      "http://10.0.0.1:8070 is being drained: it gets no new conferences",
      "http://10.0.0.1:8070 is no longer drained: it gets new conferences again",
    ]);
  });

  describe("of a disconnect", () => {
    const line = (changes: Partial<DisconnectEvent>): Readonly<Record<string, unknown>> =>
      logged((events) => events.emit("disconnect", disconnected(changes))).only();
    const timeout = new SfuError("timeout", "did not answer within 1000 ms");
    const incomplete = new GatewayError("disconnect_incomplete", "1 of 3 SFUs did not take it: so", { status: 502 });

    it("tells who took it, how many channels it named, and neither of them", () => {
      expect(line({})).to.include({
        level: "info",
        requestId: "r1",
        outcome: "ok",
        callerAddress: "192.0.2.1",
        channels: 2,
        unknown: 0,
        asked: 1,
        ms: 3.5,
        msg: "http://10.0.0.1:8070 took the disconnect of sessions in 2 channels in 3.5 ms",
      });
      expect(line({ channels: 1, asked: [sfuOf(1), sfuOf(2)] }).msg).to.match(
        /^2 SFUs took .* in 1 channel in 3\.5 ms$/,
      );
    });

    it("tells why all were asked", () => {
      expect(line({ unknown: 1, asked: [sfuOf(1), sfuOf(2)] }).msg).to.equal(
        "2 SFUs took the disconnect of sessions in 2 channels in 3.5 ms; which SFU has 1 of them is not known, so all were asked",
      );
    });

    it("tells of how many were not asked, for they are silent", () => {
      const [one, two] = [1, 2].map((silent) => line({ unknown: 2, silent }));
      expect(one!.msg).to.match(/ is not known, so all but 1 that is down or expired were asked$/);
      expect(two!.msg).to.match(/ is not known, so all but 2 that are down or expired were asked$/);
      expect([one!.silent, two!.silent]).to.deep.equal([1, 2]);
    });

    it("tells that there was nothing to do", () => {
      const { level, msg } = line({ channels: 0, asked: [] });
      expect([level, msg]).to.deep.equal(["info", "a disconnect named no channels, so nobody was asked"]);
    });

    it("warns of one that is incomplete, and says what that means", () => {
      const failed = [{ sfu: sfuOf(2), error: timeout }];
      const told = line({ outcome: "disconnect_incomplete", error: incomplete, failed });
      expect(told).to.include({ level: "warn", outcome: "disconnect_incomplete" });
      expect(told.failed).to.deep.equal([{ sfu: "http://10.0.0.2:8070", outcome: "timeout" }]);
      expect(told.msg).to.equal(
        "a disconnect is incomplete after 3.5 ms, sessions may go on until their browsers leave: 1 of 3 SFUs did not take it: so",
      );
    });

    it("names ten of a whole fleet that failed", () => {
      const failed = Array.from({ length: 500 }, (_, index) => ({ sfu: sfuOf(index % 250), error: timeout }));
      expect(line({ outcome: "disconnect_incomplete", error: incomplete, failed }).failed).to.have.length(10);
    });

    it("warns of one that was refused", () => {
      const error = new GatewayError("invalid_claims", "expected an object", { status: 422 });
      const { level, msg } = line({ outcome: error.code, error, channels: 0, asked: [] });
      expect([level, msg]).to.deep.equal(["warn", "a disconnect failed after 3.5 ms: expected an object"]);
    });

    it("tells a fault of the gateway's own without its message", () => {
      const { level, msg } = line({ outcome: "internal", error: new TypeError("s3cr3t") });
      expect([level, msg]).to.deep.equal(["error", "a disconnect failed after 3.5 ms: TypeError"]);
    });
  });

  it("tells of the unexpected without its message", () => {
    const error = new TypeError("s3cr3t");
    const log = logged((events) => events.emit("unexpected", { where: "koa", error }));
    expect(log.only()).to.include({ level: "error", where: "koa", msg: "unexpected error in koa" });
    expect(log.text()).to.include("TypeError").and.not.include("s3cr3t");
  });
});

/** A real one, with the headers and options that such errors hold. */
async function gotError(): Promise<RequestError> {
  const port = await closedPort();
  try {
    await got.get(`http://127.0.0.1:${port}/v1/channel`, {
      headers: { authorization: "Bearer s3cr3t" },
      retry: { limit: 0 },
    });
  } catch (error) {
    if (error instanceof RequestError) return error;
  }
  expect.fail("it was answered");
}

function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
