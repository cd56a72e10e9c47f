import { expect } from "chai";
import { Secret } from "../../lib/auth/secret.ts";
import type { SfuError } from "../../lib/errors.ts";
import { Events } from "../../lib/events.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Report } from "../../lib/sfu/report.ts";
import type { Health, Sfu } from "../../lib/sfu/sfu.ts";
import { createStatsReader, type StatsReader } from "../../lib/sfu/stats-reader.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { configurationOf, startGateway, type TestGateway } from "../support/gateway.ts";
import { seeded } from "../support/random.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { sfuKey } from "../support/tokens.ts";
import { answered, FakeClient, refused } from "./harness.ts";

const SETTINGS = { intervalMs: 2000, statsIntervalMs: 10_000, timeoutMs: 1000, unhealthyAfter: 2, healthyAfter: 1 };
const LOAD = { sessions: 37, channels: 9, ordinarySessions: 31 };
const STATS = { ...LOAD, uuids: ["a", "b"] };

describe("the reader of statistics", () => {
  const clock = useFakeClock();
  const sfu = sfuOf(1);
  let events: Events;
  let registry: Registry;
  let client: FakeClient;
  let reporting: Set<string>;
  let told: string[];
  let learned: string[];
  let stop: () => void;
  let reader: StatsReader;
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    client = new FakeClient(clock);
    reporting = new Set();
    told = [];
    learned = [];
    events.on("statistics", ({ sfu: { address }, error }) =>
      told.push(`${address} ${error?.message ?? "can be read"}`),
    );
    reader = createStatsReader(SETTINGS, {
      clock,
      random: seeded(1),
      events,
      registry,
      client,
      homes: { learnListed: (uuids, { address }) => learned.push(`${address} has ${uuids.join(" ")}`) },
      reportsItself: ({ address }) => reporting.has(address),
    });
    stop = () => reader.stop();
    registry.put(sfu);
    client.of(sfu).stats = STATS;
  });
  afterEach(() => stop());

  /** One reading more, ended. */
  const reading = async (of: Sfu = sfu): Promise<void> => {
    const before = client.count("stats", of);
    while (client.count("stats", of) === before) await clock.elapse(10);
    await clock.elapse(0);
  };
  const setState = (state: "down" | "expired" | "failing" | "misconfigured"): void => {
    const health: Health = { state, sinceMs: clock.now(), reason: "whatever" };
    registry.setHealth(sfu, health);
  };

  it("reports what an SFU carries, and nothing that its statistics do not tell", async () => {
    await reading();
    const atMs = client.times("stats", sfu)[0];
    expect(registry.report(sfu)).to.deep.equal({ ...LOAD, cpu: null, memory: null, atMs });
    expect(told).to.deep.equal([]);
  });

  it("tells at each reading where the channels are", async () => {
    await reading();
    expect(learned).to.deep.equal(["http://sfu1.test has a b"]);
    client.of(sfu).stats = { ...STATS, uuids: ["c"] };
    await reading();
    client.of(sfu).stats = refused();
    await reading();
    expect(learned).to.deep.equal(["http://sfu1.test has a b", "http://sfu1.test has c"]);
  });

  it("reads everybody's within the first interval of the probes, and then at its own", async () => {
    const others = Array.from({ length: 50 }, (_, index) => sfuOf(index + 2));
    for (const other of others) registry.put(other);
    await clock.elapse(SETTINGS.intervalMs);
    expect(others.map((other) => client.count("stats", other))).to.deep.equal(Array(50).fill(1));
    await clock.elapse(10 * SETTINGS.statsIntervalMs);
    const times = client.times("stats", sfu);
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!);
    expect(Math.max(...gaps)).to.be.at.most(0.95 * SETTINGS.statsIntervalMs + 1);
    expect(Math.min(...gaps)).to.be.at.least(0.75 * SETTINGS.statsIntervalMs - 1);
  });

  it("takes for the report's time that of the question: it was so then, or a little later", async () => {
    client.of(sfu).stats = { afterMs: 800, then: STATS };
    await reading();
    const [askedMs] = client.times("stats", sfu);
    expect(registry.report(sfu)).to.equal(null);
    await clock.elapse(800);
    expect(registry.report(sfu)).to.include({ atMs: askedMs, sessions: 37 });
  });

  it("gives each reading timeout_ms", async () => {
    await reading();
    expect(client.asked[0]!.bounds.timeoutMs).to.equal(SETTINGS.timeoutMs);
  });

  it("keeps the last report where a reading fails", async () => {
    await reading();
    const report = registry.report(sfu);
    client.of(sfu).stats = refused();
    await reading();
    expect(registry.report(sfu)).to.equal(report);
  });

  it("tells once what is wrong, and once that it no longer is", async () => {
    client.of(sfu).stats = answered(404);
    for (let count = 0; count < 5; count++) await reading();
    expect(told).to.deep.equal(["http://sfu1.test answered with status 404"]);
    client.of(sfu).stats = STATS;
    for (let count = 0; count < 5; count++) await reading();
    expect(told).to.deep.equal(["http://sfu1.test answered with status 404", "http://sfu1.test can be read"]);
  });

  it("tells when something else is wrong", async () => {
    client.of(sfu).stats = answered(404);
    await reading();
    client.of(sfu).stats = "hangs";
    await reading();
    await clock.elapse(SETTINGS.timeoutMs);
    expect(told).to.deep.equal([
      "http://sfu1.test answered with status 404",
      "http://sfu1.test did not answer in time",
    ]);
  });

  it("leaves it to the prober to tell of one that is not there", async () => {
    client.of(sfu).stats = refused();
    await reading();
    expect(told).to.deep.equal([]);
  });

  it("tells again what is wrong with one that has left and come back", async () => {
    client.of(sfu).stats = answered(404);
    await reading();
    registry.remove(sfu.address, "static");
    registry.put(sfuOf(1));
    await reading();
    expect(told).to.have.length(2);
  });

  for (const [statsToken, message] of [
    [null, "wants a token for them"],
    [new Secret("the diagnostics token"), "refuses the token that the gateway has for them"],
  ] as const) {
    it(`tells that an SFU ${message}, and shows none`, async () => {
      const errors: (SfuError | null)[] = [];
      events.on("statistics", ({ error }) => errors.push(error));
      const guarded = sfuOf(2, { statsToken });
      registry.put(guarded);
      client.of(guarded).stats = answered(401);
      await reading(guarded);
      expect(told).to.deep.equal([`http://sfu2.test ${message}`]);
      expect(errors[0]).to.include({ failure: "unauthorized", status: 401 });
    });
  }

  it("says nothing of the SFU's health, whatever it finds", async () => {
    client.of(sfu).stats = refused();
    for (let count = 0; count < 5; count++) await reading();
    expect(registry.health(sfu).state).to.equal("unknown");
  });

  it("does not ask one that reports by itself, until it no longer does", async () => {
    reporting.add(sfu.address);
    await clock.elapse(5 * SETTINGS.statsIntervalMs);
    expect(client.asked).to.deep.equal([]);
    reporting.clear();
    await clock.elapse(SETTINGS.statsIntervalMs);
    expect(registry.report(sfu)).to.include({ sessions: 37 });
  });

  for (const state of ["down", "expired"] as const) {
    it(`does not ask one that is ${state}, until it is back`, async () => {
      setState(state);
      await clock.elapse(5 * SETTINGS.statsIntervalMs);
      expect(client.asked).to.deep.equal([]);
      registry.setHealth(sfu, { state: "healthy", sinceMs: clock.now() });
      await clock.elapse(SETTINGS.statsIntervalMs);
      expect(registry.report(sfu)).to.include({ sessions: 37 });
    });
  }

  for (const state of ["failing", "misconfigured"] as const) {
    it(`asks one that is ${state}: it carries its calls`, async () => {
      setState(state);
      await reading();
      expect(registry.report(sfu)).to.include({ sessions: 37 });
    });
  }

  describe("where something happens in the middle of a reading", () => {
    beforeEach(async () => {
      client.of(sfu).stats = { afterMs: 500, then: STATS };
      await reading();
    });

    it("does not put its answer over what the SFU has told by itself", async () => {
      const own: Report = { sessions: 40, channels: 9, cpu: 0.4, memory: 0.3, atMs: clock.monotonic() };
      reporting.add(sfu.address);
      registry.setReport(sfu, own);
      await clock.elapse(500);
      expect(registry.report(sfu)).to.equal(own);
    });

    it("takes no answer of an SFU that has left, for the one that has come in its place", async () => {
      registry.remove(sfu.address, "static");
      registry.put(sfuOf(1));
      reporting.add(sfu.address);
      await clock.elapse(500);
      expect(registry.report(sfu)).to.equal(null);
      expect(learned).to.deep.equal([]);
    });

    it("tells of no trouble with one that has left, and of the same trouble once it is back", async () => {
      await clock.elapse(500);
      client.of(sfu).stats = { afterMs: 500, then: answered(404) };
      await reading();
      registry.remove(sfu.address, "static");
      await clock.elapse(500);
      expect(told).to.deep.equal([]);
      registry.put(sfuOf(1));
      await reading();
      await clock.elapse(500);
      expect(told).to.have.length(1);
    });

    it("does not blame the token that has been put in force meanwhile", async () => {
      await clock.elapse(500);
      client.of(sfu).stats = { afterMs: 500, then: answered(401) };
      await reading();
      registry.put(sfuOf(1, { statsToken: new Secret("the right one") }));
      client.of(sfu).stats = STATS;
      await clock.elapse(500);
      await reading();
      expect(told).to.deep.equal([]);
    });

    it("gives it up when it is stopped, leaves no timer, and tells nothing", async () => {
      stop();
      await clock.elapse(0);
      expect(client.asked[0]!.bounds.signal!.aborted).to.be.true;
      expect(clock.timers()).to.equal(0);
      await clock.elapse(5 * SETTINGS.statsIntervalMs);
      expect(client.asked).to.have.length(1);
      expect(told).to.deep.equal([]);
      expect(registry.report(sfu)).to.equal(null);
      expect(learned).to.deep.equal([]);
    });
  });

  describe("after a reload", () => {
    const { config } = configurationOf({ sfus: [] });
    const reconfigure = (parts: Partial<typeof SETTINGS>): void =>
      events.emit("reconfigured", { from: config, to: { ...config, health: { ...SETTINGS, ...parts } } });
    const count = async (ms: number): Promise<number> => {
      const before = client.count("stats", sfu);
      await clock.elapse(ms);
      return client.count("stats", sfu) - before;
    };

    it("reads at the interval, and with the timeout, that there are now", async () => {
      reconfigure({ statsIntervalMs: 1000, timeoutMs: 300 });
      await clock.elapse(1000);
      expect(await count(10_000)).to.be.within(10, 14);
      expect(client.asked.at(-1)!.bounds.timeoutMs).to.equal(300);
      reconfigure({});
      await clock.elapse(SETTINGS.statsIntervalMs);
      expect(await count(100_000)).to.be.within(10, 14);
    });

    it("reads SFUs that come later within the interval of the probes that there is now", async () => {
      reconfigure({ intervalMs: 200 });
      const others = Array.from({ length: 20 }, (_, index) => sfuOf(index + 2));
      for (const other of others) registry.put(other);
      await clock.elapse(200);
      expect(others.map((other) => client.count("stats", other))).to.deep.equal(Array(20).fill(1));
    });

    it("takes what a reading brings that was under way", async () => {
      client.of(sfu).stats = { afterMs: 800, then: STATS };
      await reading();
      reconfigure({ statsIntervalMs: 60_000, timeoutMs: 100 });
      await clock.elapse(800);
      expect(registry.report(sfu)).to.include({ sessions: 37 });
    });

    it("keeps the report of an SFU that has other settings, and reads it as before", async () => {
      await reading();
      const report = registry.report(sfu);
      const successor = sfuOf(1, { weight: 2 });
      registry.put(successor);
      expect(registry.report(successor)).to.equal(report);
      await reading();
      expect(registry.report(successor)).not.to.equal(report);
    });
  });

  describe("for somebody who is going there anyhow", () => {
    const bounds = { timeoutMs: 300 };
    const inPassing = async (): Promise<boolean> => {
      const read = reader.readIfDue(sfu, bounds);
      await clock.elapse(300);
      return read;
    };

    it("reads what has not been read for three quarters of an interval, and puts its own reading off", async () => {
      await reading();
      const readAtMs = client.times("stats", sfu)[0]!;
      await clock.elapse(readAtMs + 7100 - clock.monotonic());
      expect(await inPassing()).to.equal(false);
      expect(client.count("stats", sfu)).to.equal(1);
      await clock.elapse(readAtMs + 7500 - clock.monotonic());
      expect(await inPassing()).to.equal(true);
      expect(client.count("stats", sfu)).to.equal(2);
      const inPassingAtMs = client.times("stats", sfu)[1]!;
      await reading();
      expect(client.times("stats", sfu)[2]! - inPassingAtMs).to.be.within(9400, 9600);
    });

    it("takes in the report, and says when somebody answered", async () => {
      expect(reader.answeredAtMs(sfu)).to.equal(-Infinity);
      expect(await inPassing()).to.equal(true);
      expect(registry.report(sfu)).to.include({ sessions: 37, channels: 9 });
      expect(reader.answeredAtMs(sfu)).to.be.closeTo(clock.monotonic() - 300, 1);
    });

    it("takes a refusal for a sign of life", async () => {
      client.of(sfu).stats = answered(401);
      expect(await inPassing()).to.equal(true);
      expect(reader.answeredAtMs(sfu)).to.be.closeTo(clock.monotonic() - 300, 1);
      expect(told).to.have.length(1);
    });

    for (const [what, stats] of [
      ["nobody is there", refused()],
      ["nobody answers", "hangs"],
      ["it answers 500", answered(500)],
    ] as const) {
      it(`sees no life where ${what}`, async () => {
        client.of(sfu).stats = stats;
        expect(await inPassing()).to.equal(false);
        expect(reader.answeredAtMs(sfu)).to.equal(-Infinity);
        expect(client.count("stats", sfu)).to.equal(1);
      });
    }

    it("does not read what is not to be read", async () => {
      reporting.add(sfu.address);
      expect(await inPassing()).to.equal(false);
      reporting.clear();
      setState("down");
      expect(await inPassing()).to.equal(false);
      registry.remove(sfu.address, "static");
      expect(await inPassing()).to.equal(false);
      expect(client.count("stats", sfu)).to.equal(0);
    });

    it("reads no more than 64 at a time", async () => {
      stop();
      const sfus = Array.from({ length: 100 }, (_, index) => sfuOf(index + 2));
      for (const one of sfus) {
        registry.put(one);
        client.of(one).stats = "hangs";
      }
      const reads = sfus.map((one) => reader.readIfDue(one, bounds));
      expect(client.peak).to.equal(64);
      await clock.elapse(300);
      expect((await Promise.all(reads)).filter(Boolean)).to.deep.equal([]);
    });
  });

  it("is not stopped by a bug", async () => {
    const unexpected: string[] = [];
    events.on("unexpected", ({ where, error }) => unexpected.push(`${where}: ${error.message}`));
    client.of(sfu).stats = new TypeError("a bug");
    await reading();
    expect(unexpected).to.deep.equal(["the reader of statistics: a bug"]);
    client.of(sfu).stats = STATS;
    await reading();
    expect(registry.report(sfu)).to.include({ sessions: 37 });
  });
});

describe("the statistics of an SFU behind a gateway", () => {
  const start = useSimulatedSfus();
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  it("are read and shown", async () => {
    const sfu = await start();
    sfu.setLoad(12);
    gateway = await startGateway({
      sfus: [{ address: sfu.address, key: sfuKey(1), region: "eu" }],
      health: { intervalMs: 100, statsIntervalMs: 100 },
    });
    const sessions = (): Promise<number> => gateway.metric(`sfu_sessions{sfu="${sfu.address}",region="eu"}`);
    await eventually("they are read", async () => (await sessions()) === 12);
    sfu.setLoad(30);
    await eventually("they are read again", async () => (await sessions()) === 30);
  });
});
