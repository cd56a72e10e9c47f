import { expect } from "chai";
import type { Config } from "../../lib/config/config.ts";
import { SfuError } from "../../lib/errors.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { type Breakers, createBreakers } from "../../lib/failover/breakers.ts";
import { createProber, MOST_A_SECOND } from "../../lib/sfu/prober.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Health, Sfu } from "../../lib/sfu/sfu.ts";
import { createMemoryStore } from "../../lib/store/memory.ts";
import { parseKey } from "../../lib/auth/keys.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { configurationOf, startGateway, type TestGateway } from "../support/gateway.ts";
import { seeded } from "../support/random.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { sfuKey } from "../support/tokens.ts";
import { answered, FakeClient, refused } from "./harness.ts";

const INTERVAL_MS = 2000;
const SETTINGS: Config["health"] = {
  intervalMs: INTERVAL_MS,
  statsIntervalMs: 10_000,
  timeoutMs: 1000,
  unhealthyAfter: 2,
  healthyAfter: 1,
};
const BREAKER = { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetTimeoutMs: 5000 };
/** A timer takes whole milliseconds. */
const TICK_MS = 1;
/** Of a turn that comes as late as any. */
const LATEST_MS = 0.95 * INTERVAL_MS + 1;

interface Setup {
  readonly sfus?: readonly Sfu[];
  readonly settings?: Partial<Config["health"]>;
  readonly seed?: number;
}

describe("the prober", () => {
  const clock = useFakeClock();
  const sfu = sfuOf(1);
  let events: Events;
  let registry: Registry;
  let client: FakeClient;
  let breakers: Breakers;
  let changes: string[];
  let unexpected: string[];
  let stop: () => void;
  /** How long the gateway has been too busy to hear anybody. */
  let lagMs: number;
  /** What the reader of statistics has found, and finds. */
  let answeredAtMs: number;
  let mayRead: (sfu: Sfu) => boolean;
  let read: Sfu[];

  const begin = ({ sfus = [sfu], settings = {}, seed = 1 }: Setup = {}): void => {
    events = new Events();
    changes = [];
    unexpected = [];
    events.on("health", ({ from, to }) => changes.push(`${from.state} > ${to.state}`));
    events.on("unexpected", ({ where, error }) => unexpected.push(`${where}: ${error.message}`));
    registry = createRegistry(clock, events);
    client = new FakeClient(clock);
    breakers = createBreakers(BREAKER, clock, events);
    lagMs = 0;
    answeredAtMs = -Infinity;
    mayRead = () => false;
    read = [];
    const [random, store] = [seeded(seed), createMemoryStore(clock)];
    const readings = {
      answeredAtMs: () => answeredAtMs,
      readIfDue(of: Sfu): Promise<boolean> {
        read.push(of);
        return Promise.resolve(mayRead(of));
      },
    };
    const tools = { clock, random, events, registry, client, breakers, store, readings, lagSince: () => lagMs };
    stop = createProber({ health: { ...SETTINGS, ...settings }, breaker: BREAKER }, tools);
    for (const one of sfus) registry.put(one);
  };
  const end = (): void => {
    stop();
    breakers.close();
  };
  beforeEach(() => begin());
  afterEach(() => {
    end();
    expect(unexpected).to.deep.equal([]);
  });
  const restart = (setup: Setup): void => {
    end();
    begin(setup);
  };

  const fleet = (count: number): readonly Sfu[] => Array.from({ length: count }, (_, index) => sfuOf(index + 1));
  /** How often one of so many is visited. */
  const paceOf = (count: number): number => Math.max(INTERVAL_MS, (1000 * count) / MOST_A_SECOND);
  const health = (of = sfu): Health => registry.health(of);
  const state = (of = sfu): string => health(of).state;
  const attempt = (error: SfuError | null, of = sfu): void =>
    events.emit("attempt", { requestId: "r", sfu: of, durationMs: 1, error });
  const fault = (message = "closed the connection", of = sfu): void =>
    events.emit("fault", { sfu: of, error: new SfuError("reset", message) });
  /** So many probes more; the first one is not the one that is under way. */
  const probes = async (count: number): Promise<void> => {
    const until = client.count("noop", sfu) + client.count("key", sfu) + count;
    while (client.count("noop", sfu) + client.count("key", sfu) < until) await clock.elapse(10);
  };
  /** As calls open it. */
  const openBreaker = async (of = sfu): Promise<void> => {
    for (let count = 0; count < BREAKER.minimumRequests; count++) {
      await breakers
        .run(of, () => Promise.reject(new Error("boom")), { verdictOf: () => "fault" })
        .catch(() => undefined);
    }
    await clock.elapse(0);
    expect(breakers.state(of)).to.equal("open");
  };

  describe("probes", () => {
    it("ask everybody within the first interval, and not all at once", async () => {
      const sfus = fleet(100);
      restart({ sfus });
      await clock.elapse(INTERVAL_MS / 2);
      expect(client.asked.length).to.be.within(30, 70);
      await clock.elapse(INTERVAL_MS / 2);
      expect(sfus.map((one) => client.count("noop", one) > 0)).to.deep.equal(Array(100).fill(true));
    });

    it("find an SFU healthy, and tell since when", async () => {
      expect(state()).to.equal("unknown");
      await probes(1);
      const sinceMs = client.asked[0]!.atMs;
      expect(health()).to.include({ state: "healthy" });
      expect(health().sinceMs - clock.now()).to.equal(sinceMs - clock.monotonic());
      await clock.elapse(5 * INTERVAL_MS);
      expect(changes).to.deep.equal(["unknown > healthy"]);
    });

    it("come again before an interval has passed, at times that nobody can tell", async () => {
      await clock.elapse(100 * INTERVAL_MS);
      const times = client.times("noop", sfu);
      const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!);
      expect(Math.max(...gaps)).to.be.at.most(LATEST_MS);
      expect(Math.min(...gaps)).to.be.at.least(0.75 * INTERVAL_MS - 1);
      expect(new Set(gaps).size).to.be.above(20);
    });

    it("ask for nothing but noop of an SFU that is well", async () => {
      await clock.elapse(10 * INTERVAL_MS);
      expect(new Set(client.asked.map(({ what }) => what))).to.deep.equal(new Set(["noop"]));
    });

    for (const [unhealthyAfter, intervalMs, timeoutMs, expected] of [
      [2, 2000, 1000, 1000],
      [2, 2000, 300, 300],
      [1, 2000, 1000, 1000],
      [3, 2400, 1000, 800],
      [2, 500, 1000, 250],
      [2, 200, 1000, 100],
      [100, 2000, 1000, 250],
    ] as const) {
      const plural = unhealthyAfter === 1 ? "probe" : "probes";
      it(`take ${String(expected)} ms where ${String(unhealthyAfter)} ${plural} in ${String(intervalMs)} ms may take ${String(timeoutMs)}`, async () => {
        restart({ settings: { unhealthyAfter, intervalMs, timeoutMs } });
        await clock.elapse(intervalMs);
        expect(client.asked[0]!.bounds.timeoutMs).to.equal(expected);
      });
    }

    for (const unhealthyAfter of [1, 2, 3]) {
      it(`take an SFU out after ${String(unhealthyAfter)} in a row that failed`, async () => {
        restart({ settings: { unhealthyAfter } });
        client.of(sfu).noop = refused();
        for (let count = 1; count < unhealthyAfter; count++) {
          await probes(1);
          expect(health()).to.include({ state: "failing", reason: "refused the connection" });
        }
        await probes(1);
        expect(health()).to.include({ state: "down", reason: "refused the connection" });
      });
    }

    it("begin to count anew after one that succeeded", async () => {
      restart({ settings: { unhealthyAfter: 3 } });
      for (let round = 0; round < 5; round++) {
        client.of(sfu).noop = refused();
        await probes(2);
        expect(state()).to.equal("failing");
        client.of(sfu).noop = "fine";
        await probes(1);
        expect(state()).to.equal("healthy");
      }
    });

    for (const healthyAfter of [1, 2, 3]) {
      it(`bring an SFU back after ${String(healthyAfter)} in a row that succeeded`, async () => {
        restart({ settings: { healthyAfter } });
        await probes(3);
        client.of(sfu).noop = refused();
        await probes(2);
        client.of(sfu).noop = "fine";
        for (let count = 1; count < healthyAfter; count++) {
          await probes(1);
          expect(state()).to.equal("down");
        }
        await probes(1);
        expect(state()).to.equal("healthy");
      });
    }

    it("begin to count anew after one that failed", async () => {
      restart({ settings: { healthyAfter: 2 } });
      client.of(sfu).noop = refused();
      await probes(2);
      for (let round = 0; round < 4; round++) {
        client.of(sfu).noop = "fine";
        await probes(1);
        client.of(sfu).noop = refused();
        await probes(1);
      }
      expect(state()).to.equal("down");
    });

    it("keep the moment since when an SFU is down, and tell why it is so now", async () => {
      client.of(sfu).noop = refused();
      await probes(2);
      const { sinceMs } = health();
      client.of(sfu).noop = refused("has a name that could not be resolved");
      await probes(3);
      expect(health()).to.deep.equal({ state: "down", sinceMs, reason: "has a name that could not be resolved" });
      expect(changes).to.deep.equal(["unknown > failing", "failing > down"]);
    });

    for (const [unhealthyAfter, gapMs] of [
      [2, 500],
      [3, 333],
    ] as const) {
      it(`come sooner to confirm that one failed, where ${String(unhealthyAfter)} have to`, async () => {
        restart({ settings: { unhealthyAfter } });
        client.of(sfu).noop = refused();
        await probes(unhealthyAfter + 1);
        const times = client.times("noop", sfu);
        const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!);
        for (const gap of gaps.slice(0, -1)) expect(gap).to.be.within(gapMs - 1, gapMs + 1);
        expect(gaps.at(-1), "one that is down is not hurried").to.be.within(0.75 * INTERVAL_MS - 1, LATEST_MS);
      });
    }

    for (const status of [204, 302, 401, 403, 404, 429]) {
      it(`count an answer of ${String(status)} as a sign of life: an edge may let nothing else pass`, async () => {
        client.of(sfu).noop = answered(status);
        await clock.elapse(10 * INTERVAL_MS);
        expect(changes).to.deep.equal(["unknown > healthy"]);
      });
    }

    for (const status of [500, 502, 503]) {
      it(`count an answer of ${String(status)} against it`, async () => {
        client.of(sfu).noop = answered(status);
        await clock.elapse(3 * INTERVAL_MS);
        expect(health()).to.include({ state: "down", reason: `answered with status ${String(status)}` });
      });
    }

    it("tell of a bug, and go on", async () => {
      const bug = new TypeError("a bug");
      client.of(sfu).noop = bug;
      await probes(3);
      expect(unexpected).to.deep.equal(Array(3).fill("the prober: a bug"));
      unexpected = [];
      client.of(sfu).noop = "fine";
      await probes(1);
      expect(state()).to.equal("healthy");
    });
  });

  describe("an SFU that dies without a call", () => {
    for (const how of ["refuses", "hangs"] as const) {
      for (const unhealthyAfter of [1, 2, 3]) {
        it(`is down within two intervals where it ${how} and ${String(unhealthyAfter)} probes have to fail`, async () => {
          for (let seed = 1; seed <= 8; seed++) {
            const sfus = fleet(60);
            restart({ sfus, seed, settings: { unhealthyAfter } });
            await clock.elapse(INTERVAL_MS * (1 + seed / 3));
            for (const one of sfus) client.kill(one, how);
            await clock.elapse(2 * INTERVAL_MS);
            expect(sfus.filter((one) => state(one) !== "down")).to.deep.equal([]);
          }
        });
      }

      for (const [intervalMs, timeoutMs] of [
        [200, 1000],
        [1000, 1000],
        [10_000, 5000],
      ] as const) {
        it(`is so where it ${how}, the interval is ${String(intervalMs)} ms and timeout_ms ${String(timeoutMs)}`, async () => {
          const sfus = fleet(20);
          restart({ sfus, settings: { intervalMs, timeoutMs } });
          await clock.elapse(1.6 * intervalMs);
          for (const one of sfus) client.kill(one, how);
          await clock.elapse(2 * intervalMs);
          expect(sfus.filter((one) => state(one) !== "down")).to.deep.equal([]);
        });
      }
    }

    it("is so where it hangs in the middle of a probe", async () => {
      for (let afterMs = 1; afterMs <= 1000; afterMs += 111) {
        restart({});
        client.of(sfu).noop = { afterMs, then: "fine" };
        await probes(1);
        client.kill(sfu, "hangs");
        await clock.elapse(afterMs + 2 * INTERVAL_MS);
        expect(state()).to.equal("down");
      }
    });

    it("is so for half of a fleet of 300 at once, and the others are none the worse for it", async () => {
      const sfus = fleet(300);
      restart({ sfus });
      await clock.elapse(2 * INTERVAL_MS);
      sfus.forEach((one, index) => {
        if (index % 2 === 0) client.kill(one, "hangs");
      });
      await clock.elapse(2 * INTERVAL_MS);
      const states = sfus.map((one) => state(one));
      expect(states.filter((_, index) => index % 2 === 0)).to.deep.equal(Array(150).fill("down"));
      expect(states.filter((_, index) => index % 2 === 1)).to.deep.equal(Array(150).fill("healthy"));
    });

    it("keeps the number of probes at a time bounded where all of a thousand do", async () => {
      const sfus = fleet(1000);
      restart({ sfus });
      for (const one of sfus) client.kill(one, "hangs");
      await clock.elapse(2 * paceOf(1000));
      expect(client.peak).to.equal(512);
      expect(sfus.filter((one) => state(one) !== "down")).to.deep.equal([]);
    });

    it("is not found so by a gateway that was too busy to hear it", async () => {
      await probes(1);
      client.kill(sfu, "hangs");
      lagMs = 300;
      await clock.elapse(5 * INTERVAL_MS);
      expect(changes).to.deep.equal(["unknown > healthy"]);
      lagMs = 200;
      await clock.elapse(5 * INTERVAL_MS);
      expect(state()).to.equal("down");
    });

    it("is back at the next probe once it lives", async () => {
      await probes(1);
      client.kill(sfu, "hangs");
      await clock.elapse(5 * INTERVAL_MS);
      client.heal(sfu);
      await clock.elapse(SETTINGS.timeoutMs + LATEST_MS);
      expect(state()).to.equal("healthy");
      expect(changes).to.deep.equal(["unknown > healthy", "healthy > failing", "failing > down", "down > healthy"]);
    });
  });

  describe("an SFU that calls and probes have found dead", () => {
    beforeEach(async () => {
      await probes(1);
      client.kill(sfu, "refuses");
      for (let count = 0; count < 2; count++) {
        fault();
        await clock.elapse(0);
      }
      expect(breakers.state(sfu)).to.equal("open");
    });

    it("need not wait for the reset time once it lives, if it passes a key check", async () => {
      client.heal(sfu);
      await clock.elapse(LATEST_MS);
      expect(state()).to.equal("healthy");
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("stays out where it does not", async () => {
      client.heal(sfu);
      client.of(sfu).key = answered(502);
      await clock.elapse(LATEST_MS);
      expect(breakers.state(sfu)).to.equal("open");
    });
  });

  describe("an SFU that calls have found dead before any probe did", () => {
    beforeEach(async () => {
      await probes(1);
      client.kill(sfu, "refuses");
      fault();
      await openBreaker();
      while (state() !== "down") await clock.elapse(100);
    });

    it("need not wait for the reset time once it lives, either", async () => {
      client.heal(sfu);
      await clock.elapse(LATEST_MS);
      expect(state()).to.equal("healthy");
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("has its key checked at a later probe, where that was done too lately", async () => {
      attempt(answered(500));
      await clock.elapse(0);
      client.heal(sfu);
      await clock.elapse(2 * LATEST_MS);
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("has it checked no more once the breaker is closed", async () => {
      client.heal(sfu);
      await clock.elapse(LATEST_MS);
      const checks = client.count("key", sfu);
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.count("key", sfu)).to.equal(checks);
    });
  });

  describe("an SFU that is seen alive without a probe", () => {
    const signs = {
      "serves calls": () => attempt(null),
      "has its statistics read": () => (answeredAtMs = clock.monotonic()),
    };
    for (const [what, see] of Object.entries(signs)) {
      it(`is not probed where it ${what}, and down within two intervals after the last of them`, async () => {
        await probes(1);
        for (let time = 0; time < 20; time++) {
          see();
          await clock.elapse(INTERVAL_MS / 4);
        }
        see();
        expect(client.count("noop", sfu)).to.equal(1);
        client.kill(sfu, "hangs");
        await clock.elapse(2 * INTERVAL_MS);
        expect(state()).to.equal("down");
      });

      it(`is probed all the same where it ${what} and a call has failed`, async () => {
        await probes(1);
        fault();
        await clock.elapse(INTERVAL_MS);
        const before = client.count("noop", sfu);
        for (let time = 0; time < 8; time++) {
          if (what !== "serves calls") see();
          await clock.elapse(INTERVAL_MS / 2);
        }
        expect(state()).to.equal("failing");
        expect(client.count("noop", sfu) - before).to.be.at.least(4);
      });
    }
  });

  describe("of a fleet that is too large to be probed at the interval", () => {
    const COUNT = 900;
    const sfus = fleet(COUNT);

    it("everybody is known after two seconds, and visited as often as a few hundredths of a processor allow", async () => {
      restart({ sfus });
      await clock.elapse(INTERVAL_MS);
      expect(sfus.filter((one) => state(one) !== "healthy")).to.deep.equal([]);
      await clock.elapse(paceOf(COUNT));
      client.asked.length = 0;
      await clock.elapse(4 * paceOf(COUNT));
      const perSecond = client.asked.length / ((4 * paceOf(COUNT)) / 1000);
      expect(perSecond).to.be.within(MOST_A_SECOND, MOST_A_SECOND / 0.75);
    });

    it("one that dies is down within two of its intervals", async () => {
      restart({ sfus });
      await clock.elapse(2 * paceOf(COUNT));
      for (const one of sfus.slice(0, 90)) client.kill(one, "hangs");
      await clock.elapse(2 * paceOf(COUNT));
      expect(sfus.slice(0, 90).filter((one) => state(one) !== "down")).to.deep.equal([]);
    });

    it("one whose statistics are due has them read in place of the probe", async () => {
      restart({ sfus });
      mayRead = ({ address }) => address !== sfu.address;
      await clock.elapse(2 * paceOf(COUNT));
      client.asked.length = 0;
      read.length = 0;
      await clock.elapse(2 * paceOf(COUNT));
      expect(read.length).to.be.at.least(2 * COUNT);
      // And one that does not answer is probed at once.
      expect(new Set(client.asked.map((one) => one.sfu.address))).to.deep.equal(new Set([sfu.address]));
      expect(client.count("noop", sfu)).to.equal(read.filter(({ address }) => address === sfu.address).length);
    });

    it("one that is not well is probed, and not read", async () => {
      restart({ sfus });
      mayRead = () => true;
      await clock.elapse(2 * paceOf(COUNT));
      await openBreaker();
      read.length = 0;
      client.asked.length = 0;
      await clock.elapse(BREAKER.resetTimeoutMs - INTERVAL_MS);
      await clock.elapse(2 * paceOf(COUNT));
      expect(client.count("noop", sfu) + client.count("key", sfu)).to.be.at.least(1);
    });
  });

  it("does not read statistics in place of probes of a fleet that it can probe at the interval", async () => {
    restart({ sfus: fleet(200) });
    await clock.elapse(10 * INTERVAL_MS);
    expect(read).to.deep.equal([]);
  });

  describe("calls", () => {
    it("make an SFU healthy that serves one", () => {
      attempt(null);
      expect(health()).to.deep.equal({ state: "healthy", sinceMs: clock.now() });
    });

    it("make one failing that fails one by its own fault, and tell why and since when", async () => {
      const sinceMs = clock.now();
      fault("refused the connection");
      await clock.elapse(100);
      fault("closed the connection");
      expect(health()).to.deep.equal({ state: "failing", sinceMs, reason: "closed the connection" });
    });

    it("say nothing where the failure says nothing of the SFU", async () => {
      attempt(null);
      attempt(answered(400));
      attempt(new SfuError("aborted", "given up"));
      await clock.elapse(0);
      expect(state()).to.equal("healthy");
      expect(client.asked).to.deep.equal([]);
    });

    it("draw a probe at once where they fail by the SFU's fault", async () => {
      await probes(1);
      await clock.elapse(700);
      fault();
      await clock.elapse(0);
      expect(client.times("noop", sfu).at(-1)).to.equal(clock.monotonic());
    });

    it("take an SFU out at once that is dead: two that fail, and two probes", async () => {
      await probes(1);
      client.kill(sfu, "refuses");
      fault();
      await clock.elapse(0);
      expect(state()).to.equal("failing");
      fault();
      await clock.elapse(0);
      expect(state()).to.equal("down");
      expect(breakers.state(sfu), "its breaker would never hear the rest of it").to.equal("open");
    });

    it("have nothing to do with it where only probes have failed: its breaker stays closed", async () => {
      await probes(1);
      client.kill(sfu, "refuses");
      await clock.elapse(4000);
      expect(state()).to.equal("down");
      expect(breakers.state(sfu)).to.equal("closed");
    });

    it("draw one probe at a time, however many of them fail, where it hangs", async () => {
      client.kill(sfu, "hangs");
      for (let count = 0; count < 1000; count++) {
        fault();
        await clock.elapse(1);
      }
      expect(client.peak).to.equal(1);
      expect(client.asked).to.have.length.at.most(2);
    });

    it("draw a few probes an interval, however many of them fail, where it lies", async () => {
      await probes(1);
      for (let count = 0; count < 1000; count++) {
        fault();
        await clock.elapse(INTERVAL_MS / 1000);
      }
      expect(client.asked).to.have.length.within(4, 7);
    });

    it("draw no probe of an SFU that is out already", async () => {
      client.kill(sfu, "refuses");
      await probes(2);
      client.asked.length = 0;
      for (let count = 0; count < 100; count++) fault();
      await clock.elapse(0);
      expect(client.asked).to.deep.equal([]);
      expect(health()).to.include({ state: "down", reason: "refused the connection" });
    });

    it("are not gainsaid by noop for as long as the breaker remembers them", async () => {
      await probes(1);
      fault();
      await clock.elapse(BREAKER.windowMs - 10);
      expect(client.count("noop", sfu)).to.be.above(5);
      expect(state()).to.equal("failing");
      await clock.elapse(INTERVAL_MS);
      expect(state()).to.equal("healthy");
    });

    it("are not gainsaid by noop while the breaker is not closed, however long that takes", async () => {
      await probes(1);
      client.of(sfu).key = refused();
      fault();
      await openBreaker();
      await clock.elapse(20 * BREAKER.windowMs);
      expect(breakers.state(sfu)).to.not.equal("closed");
      expect(state()).to.equal("failing");
    });

    it("are gainsaid by one that is served", async () => {
      fault();
      attempt(null);
      expect(state()).to.equal("healthy");
      await clock.elapse(INTERVAL_MS);
      expect(changes).to.deep.equal(["unknown > failing", "failing > healthy"]);
    });

    it("are forgotten once one is served: a hiccup after that is over with the next probe", async () => {
      fault();
      attempt(null);
      await probes(2);
      client.of(sfu).noop = refused();
      await probes(1);
      expect(state()).to.equal("failing");
      client.of(sfu).noop = "fine";
      await probes(1);
      expect(state()).to.equal("healthy");
    });

    it("bring an SFU back that is down and serves one, as a last resort", async () => {
      client.kill(sfu, "hangs");
      await clock.elapse(3 * INTERVAL_MS);
      attempt(null);
      expect(health()).to.deep.equal({ state: "healthy", sinceMs: clock.now() });
    });

    it("that are served begin the count of failed probes anew", async () => {
      client.of(sfu).noop = refused();
      for (let count = 0; count < 10; count++) {
        await probes(1);
        expect(state()).to.equal("failing");
        attempt(null);
      }
    });
  });

  describe("an SFU that signs off", () => {
    it("has to pass as many probes as any that is down, whatever it answered before", async () => {
      restart({ settings: { healthyAfter: 2 } });
      await probes(5);
      registry.setHealth(sfu, { state: "down", sinceMs: clock.now(), reason: "signed off" });
      await probes(1);
      expect(state()).to.equal("down");
      await probes(1);
      expect(state()).to.equal("healthy");
    });

    it("is not hurried where it has gone", async () => {
      await probes(1);
      registry.setHealth(sfu, { state: "down", sinceMs: clock.now(), reason: "signed off" });
      client.kill(sfu, "refuses");
      await probes(2);
      const [before, after] = client.times("noop", sfu).slice(-2);
      expect(after! - before!).to.be.at.least(0.75 * INTERVAL_MS - 1);
    });
  });

  describe("an SFU that has expired", () => {
    const reason = "has sent no heartbeat for 30 s";
    beforeEach(async () => {
      await probes(1);
      registry.setHealth(sfu, { state: "expired", sinceMs: clock.now(), reason });
      client.asked.length = 0;
    });

    it("is left alone", async () => {
      await clock.elapse(10 * INTERVAL_MS);
      fault();
      await clock.elapse(0);
      expect(client.asked).to.deep.equal([]);
    });

    it("is not down as well where it expires in the middle of a probe", async () => {
      restart({ settings: { unhealthyAfter: 1 } });
      client.kill(sfu, "hangs");
      await probes(1);
      registry.setHealth(sfu, { state: "expired", sinceMs: clock.now(), reason });
      await clock.elapse(SETTINGS.timeoutMs);
      expect(state()).to.equal("expired");
    });

    it("is not brought back by a call that is served late, and its key is not its trouble", async () => {
      attempt(null);
      client.of(sfu).key = "refused";
      attempt(answered(401));
      await clock.elapse(0);
      expect(health()).to.include({ state: "expired", reason });
    });

    it("is probed again within an interval once its heartbeats are back", async () => {
      await clock.elapse(10 * INTERVAL_MS);
      registry.setHealth(sfu, { state: "unknown", sinceMs: clock.now() });
      await clock.elapse(INTERVAL_MS);
      expect(state()).to.equal("healthy");
    });
  });

  describe("an SFU that has left", () => {
    it("is asked no more, and nothing that comes in late brings it back", async () => {
      client.kill(sfu, "hangs");
      await clock.elapse(INTERVAL_MS);
      const asked = client.asked.length;
      registry.remove(sfu.address, "static");
      fault();
      attempt(null);
      attempt(answered(401));
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked).to.have.length(asked);
      expect(registry.all()).to.deep.equal([]);
      expect(clock.timers(), "the breakers' own").to.equal(1);
    });

    it("comes back unburdened: neither an old probe counts, nor an old fault", async () => {
      fault();
      client.kill(sfu, "hangs");
      await clock.elapse(0);
      registry.remove(sfu.address, "static");
      client.heal(sfu);
      registry.put(sfuOf(1));
      await clock.elapse(SETTINGS.timeoutMs);
      expect(["unknown", "healthy"]).to.include(state());
      await clock.elapse(INTERVAL_MS);
      expect(state()).to.equal("healthy");
      expect(changes).to.deep.equal(["unknown > failing", "unknown > healthy"]);
    });
  });

  it("keeps what it has found where another entry of the same SFU is put in force", async () => {
    restart({ settings: { unhealthyAfter: 3 } });
    client.of(sfu).noop = refused();
    await probes(2);
    const successor = sfuOf(1, { weight: 2 });
    registry.put(successor);
    await probes(1);
    expect(state()).to.equal("down");
    expect(client.asked.at(-1)!.sfu).to.equal(successor);
  });

  describe("key checks", () => {
    for (const code of [401, 500]) {
      describe(`drawn by an answer of ${String(code)}`, () => {
        for (const result of ["refused", "refused or broken"] as const) {
          it(`take an SFU out that ${result === "refused" ? "refuses its key" : "may be broken"}`, async () => {
            client.of(sfu).key = result;
            attempt(answered(code));
            expect(client.asked[0]).to.nested.include({ what: "key", sfu, "bounds.timeoutMs": SETTINGS.timeoutMs });
            await clock.elapse(0);
            expect(health()).to.include({ state: "misconfigured", sinceMs: clock.now() });
            // Answering 500 to everything it may as well be sick.
            expect(breakers.state(sfu)).to.equal(result === "refused" ? "closed" : "open");
          });
        }

        it("let an SFU in again that was out for 500s as soon as it passes one", async () => {
          client.of(sfu).key = "refused or broken";
          attempt(answered(code));
          await clock.elapse(0);
          client.of(sfu).key = "accepted";
          await clock.elapse(LATEST_MS);
          expect(state()).to.equal("healthy");
          expect(breakers.state(sfu)).to.equal("closed");
        });

        it("say nothing where it passes: the request was strange", async () => {
          attempt(null);
          attempt(answered(code));
          await clock.elapse(0);
          expect(client.count("key", sfu)).to.equal(1);
          expect(state()).to.equal("healthy");
        });

        for (const verdictless of [refused(), answered(404), answered(200), answered(502)]) {
          it(`say nothing where it ${verdictless.message}`, async () => {
            attempt(null);
            client.of(sfu).key = verdictless;
            attempt(answered(code));
            await clock.elapse(0);
            expect(state()).to.equal("healthy");
          });
        }
      });
    }

    for (const code of [400, 403, 404, 409, 502, 503]) {
      it(`are not drawn by an answer of ${String(code)}`, async () => {
        attempt(answered(code));
        await clock.elapse(0);
        expect(client.asked).to.deep.equal([]);
      });
    }

    it("leave an SFU failing that passes: that says nothing of what failed", async () => {
      fault("answered with status 500");
      attempt(answered(500));
      await clock.elapse(0);
      expect(client.count("key", sfu)).to.equal(1);
      expect(state()).to.equal("failing");
    });

    it("are drawn once an interval by a flood of 500s", async () => {
      for (let second = 0; second < 10; second++) {
        for (let request = 0; request < 1000; request++) attempt(answered(500));
        await clock.elapse(1000);
      }
      expect(client.count("key", sfu)).to.equal(5);
    });

    it("are drawn one at a time, where they take longer than an interval", async () => {
      restart({ settings: { intervalMs: 200, timeoutMs: 1000 } });
      client.of(sfu).key = "hangs";
      for (let count = 0; count < 99; count++) {
        attempt(answered(500));
        await clock.elapse(10);
      }
      expect(client.count("key", sfu)).to.equal(1);
    });

    it("are drawn for each SFU by itself", async () => {
      const other = sfuOf(2);
      registry.put(other);
      attempt(answered(500));
      attempt(answered(500), other);
      await clock.elapse(0);
      expect([client.count("key", sfu), client.count("key", other)]).to.deep.equal([1, 1]);
    });

    it("tell of a bug, and go on", async () => {
      client.of(sfu).key = new TypeError("a bug");
      attempt(answered(401));
      await clock.elapse(INTERVAL_MS);
      expect(unexpected).to.deep.equal(["the key check: a bug"]);
      unexpected = [];
      client.of(sfu).key = "refused";
      attempt(answered(401));
      await clock.elapse(0);
      expect(state()).to.equal("misconfigured");
    });

    it("are no verdict on another key that the SFU has been given meanwhile", async () => {
      client.of(sfu).key = { afterMs: 500, then: "refused" };
      attempt(answered(401));
      await clock.elapse(100);
      client.of(sfu).key = "accepted";
      registry.put(sfuOf(1, { key: parseKey(sfuKey(9)) }));
      await clock.elapse(INTERVAL_MS);
      expect(changes).to.not.include("unknown > misconfigured");
      expect(state()).to.equal("healthy");
    });

    it("are drawn anew by another key, and made with it, however late the call was", async () => {
      attempt(answered(401));
      await clock.elapse(10);
      const key = parseKey(sfuKey(9));
      registry.put(sfuOf(1, { key }));
      attempt(answered(401), sfu);
      await clock.elapse(0);
      // Keys show nothing of themselves to a comparison by structure.
      expect(client.asked.map((one) => one.sfu.key === key)).to.deep.equal([false, true]);
    });

    it("are one where only something else about the SFU has changed meanwhile", async () => {
      client.of(sfu).key = { afterMs: 100, then: "refused" };
      attempt(answered(401));
      registry.put(sfuOf(1, { weight: 2 }));
      await clock.elapse(100);
      expect(state()).to.equal("misconfigured");
    });
  });

  describe("an SFU whose key is wrong", () => {
    beforeEach(async () => {
      await probes(1);
      client.of(sfu).key = "refused";
      attempt(answered(401));
      await clock.elapse(0);
      expect(state()).to.equal("misconfigured");
      client.asked.length = 0;
    });

    it("is asked every interval whether it fits by now, and is healthy once it does", async () => {
      await clock.elapse(10 * INTERVAL_MS);
      const checks = client.count("key", sfu);
      expect(checks).to.be.within(9, 14);
      expect(client.count("noop", sfu), "which would say nothing of the key").to.equal(0);
      client.of(sfu).key = "accepted";
      await clock.elapse(INTERVAL_MS);
      expect(state()).to.equal("healthy");
      client.asked.length = 0;
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.count("key", sfu), "noop will do again").to.equal(0);
    });

    it("keeps the moment since when it is so", async () => {
      const before = health();
      await clock.elapse(5 * INTERVAL_MS);
      expect(health()).to.equal(before);
    });

    it("stays so, whatever late calls say, and draws no flood of checks", async () => {
      for (let count = 0; count < 100; count++) {
        fault("refused the token");
        attempt(answered(401));
        attempt(null);
        await clock.elapse(1);
      }
      expect(state()).to.equal("misconfigured");
      expect(client.asked).to.deep.equal([]);
    });

    for (const code of [200, 404]) {
      it(`stays so where it answers ${String(code)}, which is no verdict`, async () => {
        client.of(sfu).key = answered(code);
        await clock.elapse(5 * INTERVAL_MS);
        expect(state()).to.equal("misconfigured");
      });
    }

    for (const how of ["refuses", "hangs"] as const) {
      it(`is down within two intervals where it ${how}, and misconfigured again when it is back with that key`, async () => {
        client.kill(sfu, how);
        await clock.elapse(2 * INTERVAL_MS);
        expect(state()).to.equal("down");
        client.heal(sfu);
        client.of(sfu).key = "refused";
        await clock.elapse(2 * INTERVAL_MS);
        expect(state()).to.equal("misconfigured");
        expect(changes.slice(1)).to.deep.equal([
          "healthy > misconfigured",
          "misconfigured > down",
          "down > misconfigured",
        ]);
      });
    }

    it("is healthy when it is back with the right key", async () => {
      client.kill(sfu, "refuses");
      await clock.elapse(2 * INTERVAL_MS);
      client.heal(sfu);
      await clock.elapse(INTERVAL_MS);
      expect(state()).to.equal("healthy");
    });

    it("is asked at once when the gateway is given another one", async () => {
      const key = parseKey(sfuKey(9));
      client.of(sfu).key = "accepted";
      registry.put(sfuOf(1, { key }));
      await clock.elapse(0);
      expect(client.asked).to.have.length(1);
      expect(client.asked[0]!.what).to.equal("key");
      expect(client.asked[0]!.sfu.key).to.equal(key);
      expect(state()).to.equal("healthy");
    });

    it("is not taken for healthy by a check of the old one that was under way, but checked anew at once", async () => {
      client.of(sfu).key = { afterMs: 400, then: "refused" };
      await probes(1);
      const checks = client.count("key", sfu);
      registry.put(sfuOf(1, { key: parseKey(sfuKey(3)) }));
      await clock.elapse(400);
      expect(state()).to.equal("unknown");
      await clock.elapse(TICK_MS);
      expect(client.count("key", sfu)).to.equal(checks + 1);
      await clock.elapse(400);
      expect(state()).to.equal("misconfigured");
    });

    it("is misconfigured again where that one is wrong too", async () => {
      registry.put(sfuOf(1, { key: parseKey(sfuKey(9)) }));
      await clock.elapse(0);
      expect(state()).to.equal("misconfigured");
    });

    it("is asked no more once it has left", async () => {
      registry.remove(sfu.address, "static");
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked).to.deep.equal([]);
    });
  });

  describe("the trial of a half-open breaker", () => {
    const halfOpen = async (): Promise<void> => {
      await probes(1);
      fault();
      await openBreaker();
      await clock.elapse(BREAKER.resetTimeoutMs - 1);
      client.asked.length = 0;
      await clock.elapse(1);
    };

    it("is a key check, at once", async () => {
      client.of(sfu).key = "hangs";
      await halfOpen();
      expect(breakers.state(sfu)).to.equal("half_open");
      expect(client.times("key", sfu)).to.deep.equal([clock.monotonic()]);
      expect(breakers.admits(sfu), "no call meanwhile").to.equal("none");
    });

    it("closes it where the SFU passes, and makes it healthy", async () => {
      await halfOpen();
      expect(breakers.state(sfu)).to.equal("closed");
      expect(state()).to.equal("healthy");
      await clock.elapse(5 * INTERVAL_MS);
      expect(state()).to.equal("healthy");
    });

    it("forgives the calls that had opened it: a hiccup after that is over with the next probe", async () => {
      await halfOpen();
      client.of(sfu).noop = refused();
      await probes(1);
      expect(state()).to.equal("failing");
      client.of(sfu).noop = "fine";
      await probes(1);
      expect(state()).to.equal("healthy");
    });

    for (const result of ["refused", "refused or broken"] as const) {
      it(`opens it again and takes the SFU out where its key is ${result}`, async () => {
        client.of(sfu).key = result;
        await halfOpen();
        expect(breakers.state(sfu)).to.equal("open");
        expect(state()).to.equal("misconfigured");
      });
    }

    for (const [error, name] of [
      ["hangs", "does not answer"],
      [refused(), "refuses the connection"],
      [answered(502), "answers through its proxy that it is gone"],
    ] as const) {
      it(`opens it again where the SFU ${name}`, async () => {
        client.of(sfu).key = error;
        await halfOpen();
        await clock.elapse(SETTINGS.timeoutMs);
        expect(breakers.state(sfu)).to.equal("open");
        expect(state()).to.equal("failing");
        await clock.elapse(BREAKER.resetTimeoutMs);
        expect(client.count("key", sfu), "and tries again after the reset time").to.equal(2);
      });
    }

    for (const code of [200, 404]) {
      it(`is left to a call where the SFU answers ${String(code)}`, async () => {
        client.of(sfu).key = answered(code);
        await halfOpen();
        expect(breakers.state(sfu)).to.equal("half_open");
        expect(breakers.admits(sfu)).to.equal("all");
        expect(state()).to.equal("failing");
      });
    }

    it("is made with the key that is in force", async () => {
      const key = parseKey(sfuKey(9));
      await probes(1);
      await openBreaker();
      registry.put(sfuOf(1, { key }));
      await clock.elapse(BREAKER.resetTimeoutMs);
      const checks = client.asked.filter(({ what }) => what === "key");
      expect(checks.map((one) => one.sfu.key === key)).to.deep.equal([true]);
    });

    it("tells of a bug, and is left to a call", async () => {
      client.of(sfu).key = new TypeError("a bug");
      await halfOpen();
      expect(unexpected).to.deep.equal(["the trial: a bug"]);
      unexpected = [];
      expect(breakers.admits(sfu)).to.equal("all");
    });

    it("brings nothing of an SFU back that leaves in the middle of it", async () => {
      const moves: EventMap["breaker"]["to"][] = [];
      client.of(sfu).key = { afterMs: 500, then: "accepted" };
      await halfOpen();
      events.on("breaker", ({ to }) => moves.push(to));
      registry.remove(sfu.address, "static");
      registry.put(sfuOf(1));
      await clock.elapse(5 * INTERVAL_MS);
      expect(moves).to.deep.equal([]);
      expect(state()).to.equal("healthy");
    });

    it("keeps to one slow call a reset time where the media worker hangs: noop and key are fine", async () => {
      await probes(1);
      fault();
      await openBreaker();
      let slow = 0;
      for (let ms = 0; ms < 10 * (BREAKER.resetTimeoutMs + 1000); ms += 100) {
        if (breakers.admits(sfu) === "all" && state() !== "down") {
          slow++;
          const ends = Promise.withResolvers<never>();
          breakers.run(sfu, () => ends.promise, { verdictOf: () => (fault("did not answer"), "fault") }).catch(() => 0);
          clock.after(1000, () => ends.reject(new Error("did not answer")));
        }
        await clock.elapse(100);
      }
      expect(slow).to.equal(10);
      expect(state()).to.equal("failing");
    });
  });

  describe("after a reload", () => {
    const { config } = configurationOf({ sfus: [] });
    const reconfigure = (settings: Partial<Config["health"]>, breaker: Partial<Config["breaker"]> = {}): void =>
      events.emit("reconfigured", {
        from: config,
        to: { ...config, health: { ...SETTINGS, ...settings }, breaker: { ...BREAKER, ...breaker } },
      });

    it("probes at the interval, and with the timeout, that there are now", async () => {
      await probes(1);
      reconfigure({ intervalMs: 10 * INTERVAL_MS, timeoutMs: 300 });
      client.asked.length = 0;
      await clock.elapse(100 * INTERVAL_MS);
      expect(client.asked.length).to.be.within(10, 14);
      expect(new Set(client.asked.map(({ bounds }) => bounds.timeoutMs))).to.deep.equal(new Set([300]));
      reconfigure({});
      client.asked.length = 0;
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked.length).to.be.within(10, 14);
      expect(client.asked[0]!.bounds.timeoutMs).to.equal(1000);
    });

    it("goes on counting what has failed, up to where it is now", async () => {
      restart({ settings: { unhealthyAfter: 5 } });
      client.kill(sfu, "refuses");
      await probes(2);
      expect(state()).to.equal("failing");
      reconfigure({ unhealthyAfter: 3 });
      expect(state(), "nobody is taken out by the reload itself").to.equal("failing");
      await probes(1);
      expect(state()).to.equal("down");
    });

    it("goes on counting what has succeeded, up to where it is now", async () => {
      restart({ settings: { healthyAfter: 9 } });
      client.kill(sfu, "refuses");
      while (state() !== "down") await clock.elapse(100);
      client.heal(sfu);
      await probes(2);
      reconfigure({ healthyAfter: 3 });
      expect(state()).to.equal("down");
      await probes(1);
      expect(state()).to.equal("healthy");
    });

    it("judges a probe that was under way by what there is now", async () => {
      client.of(sfu).noop = { afterMs: 400, then: refused() };
      await probes(1);
      reconfigure({ unhealthyAfter: 1, intervalMs: 100 * INTERVAL_MS });
      await clock.elapse(400);
      expect(state()).to.equal("down");
    });

    it("remembers the faults of calls for as long as a breaker does now", async () => {
      await probes(1);
      fault();
      reconfigure({}, { windowMs: 500 });
      await clock.elapse(500);
      await probes(1);
      expect(state()).to.equal("healthy");
    });

    it("checks keys with the timeout, and no more often than at the interval, that there are now", async () => {
      reconfigure({ intervalMs: 10 * INTERVAL_MS, timeoutMs: 300 });
      attempt(answered(500));
      await clock.elapse(9 * INTERVAL_MS);
      attempt(answered(500));
      expect(client.count("key", sfu)).to.equal(1);
      expect(client.asked.find(({ what }) => what === "key")!.bounds.timeoutMs).to.equal(300);
      await clock.elapse(INTERVAL_MS);
      attempt(answered(500));
      expect(client.count("key", sfu)).to.equal(2);
    });

    it("keeps out who was out, and leaves a trial that is under way to decide", async () => {
      await openBreaker();
      client.of(sfu).key = { afterMs: 400, then: "accepted" };
      await clock.elapse(BREAKER.resetTimeoutMs);
      expect(breakers.state(sfu)).to.equal("half_open");
      reconfigure({ intervalMs: 500, timeoutMs: 200 });
      registry.put(sfuOf(1, { weight: 2 }));
      expect(breakers.state(sfu)).to.equal("half_open");
      await clock.elapse(400);
      expect(breakers.state(sfu)).to.equal("closed");
    });
  });

  describe("once it is stopped", () => {
    it("leaves no timer, gives up what is under way, and begins nothing", async () => {
      const sfus = fleet(20);
      restart({ sfus });
      for (const one of sfus) client.kill(one, "hangs");
      await clock.elapse(INTERVAL_MS);
      attempt(answered(401));
      const before = sfus.map((one) => health(one));
      end();
      await clock.elapse(0);
      expect(clock.timers()).to.equal(0);
      const asked = client.asked.length;
      fault();
      attempt(answered(401));
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked).to.have.length(asked);
      expect(sfus.map((one) => health(one))).to.deep.equal(before);
    });

    it("decides no trial", async () => {
      await openBreaker();
      client.of(sfu).key = "hangs";
      await clock.elapse(BREAKER.resetTimeoutMs);
      stop();
      await clock.elapse(0);
      expect(breakers.state(sfu)).to.equal("half_open");
    });
  });
});

describe("an SFU with a wrong key behind a gateway", () => {
  const clock = useFakeClock();
  const start = useSimulatedSfus();
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  for (const family of ["odoo-sfu", "o-sfu"] as const) {
    it(`is out of the rotation until its key is mended (${family})`, async () => {
      const [wrong, right] = [await start({ family }), await start({ family, key: sfuKey(2) })];
      await wrong.break({ kind: "unauthorized" });
      gateway = await startGateway({
        sfus: [
          { address: wrong.address, key: sfuKey(1), region: "eu" },
          { address: right.address, key: sfuKey(2), region: "us" },
        ],
        health: { intervalMs: INTERVAL_MS },
      });
      const wrongState = async (): Promise<unknown> =>
        ((await (await gateway.get("/v1/health")).json()) as { sfus: { state: string }[] }).sfus[0]?.state;
      const joinsAt = ({ requests }: typeof wrong): number =>
        requests.filter(({ claims }) => claims?.iss !== undefined).length;
      /** Lets no time pass for the gateway, only for its sockets. */
      const join = async (iss: string): Promise<number> => {
        const joined = gateway.join({ iss, query: "region=eu" });
        let isOver = false;
        void joined.finally(() => (isOver = true));
        await eventually("the join is answered", async () => {
          await clock.elapse(0);
          return isOver;
        });
        return (await joined).status;
      };

      expect(await join("first")).to.equal(200);
      await eventually("the key check has ended", async () => (await wrongState()) === "misconfigured");
      wrong.clearRequests();
      for (let n = 0; n < 5; n++) expect(await join(`later ${String(n)}`)).to.equal(200);
      expect(joinsAt(wrong)).to.equal(0);
      expect(right.channels).to.have.length(6);

      await wrong.heal();
      await clock.elapse(INTERVAL_MS);
      await eventually("the key is found right", async () => (await wrongState()) === "healthy");
      expect(await join("last")).to.equal(200);
      expect(wrong.channels).to.have.length(1);
    });
  }
});
