import { expect } from "chai";
import type { RankingReport } from "../../lib/api/ranking.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { configurationOf, type GatewaySetup } from "../support/gateway.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { ADMIN_TOKEN, OPEN, type SetupOf, type Stage, useStages } from "./reconfigure-stage.ts";

const SECOND_MS = 1000;
const NEVER_MS = 86_400_000;

const all: SetupOf = (sfus) => ({ sfus, env: OPEN, registration: { allow: ["http://127.0.0.1"] } });
const withSetup =
  (parts: Partial<GatewaySetup>): SetupOf =>
  (...sources) => ({ ...all(...sources), ...parts });

/** Another entry for every SFU, and other settings of whatever there is; nothing that decides over what is remembered. */
const everythingElse = ({ entries }: Stage): Partial<GatewaySetup> => ({
  sfus: entries.map((entry) => ({ ...entry, weight: 2, max_sessions: 500, public_url: "https://sfu.example.com" })),
  balancing: { strategy: "load" },
  failover: { maxRetries: 2 },
  breaker: { errorThresholdPercent: 60 },
  overload: { maxCpu: 0.9 },
  registration: { ttlMs: 20 * SECOND_MS },
  affinity: { ttlMs: 30 * SECOND_MS },
  regions: { here: { latitude: 1, longitude: 1 } },
});

describe("scenario: a reload leaves alone what it is not about", () => {
  const clock = useFakeClock();
  const open = useStages(clock);

  const breaker = async (stage: Stage): Promise<unknown> => (await stage.healthOf(0))?.breaker;
  const state = async (stage: Stage): Promise<unknown> => (await stage.healthOf(0))?.state;
  const asked = ({ fleet }: Stage, index = 0): number =>
    fleet.sfus[index]!.requests.filter(({ claims }) => claims?.iss !== undefined).length;

  describe("of an SFU that stays", () => {
    const one = withSetup({ breaker: { minimumRequests: 5, resetTimeoutMs: 10 * SECOND_MS } });
    const tripping: Partial<GatewaySetup> = {
      breaker: { minimumRequests: 100, resetTimeoutMs: NEVER_MS },
      health: { intervalMs: 2 * SECOND_MS },
    };

    it("an open breaker", async () => {
      const stage = await open(one, { sfus: 2 });
      await stage.fleet.break({ kind: "status", status: 502 }, 0);
      while ((await breaker(stage)) !== "open") await stage.join();
      const before = asked(stage);
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await breaker(stage)).to.equal("open");
      for (let count = 0; count < 5; count++) expect(await stage.servedBy()).not.to.equal("all_candidates_failed");
      expect(asked(stage)).to.equal(before);
    });

    it("a half-open one, and its trial", async () => {
      const stage = await open(one);
      await stage.fail(5);
      await stage.fleet.break({ kind: "hang" }, 0);
      await clock.elapse(10 * SECOND_MS);
      await eventually("the trial is under way", () => stage.fleet.sfus[0]!.requests.at(-1)?.fault === "hang");
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await breaker(stage)).to.equal("half_open");
      expect(await stage.servedBy(), "one trial at a time").to.equal("no_sfu_available");
      await stage.pass(2 * SECOND_MS);
      expect(await breaker(stage), "it still fails").to.equal("open");
    });

    it("probation: the first fault opens its breaker again", async () => {
      const stage = await open(one);
      await stage.fail(5);
      await clock.elapse(10 * SECOND_MS);
      await eventually("the key check is passed", async () => (await breaker(stage)) === "closed");
      stage.gateway.reconfigure(everythingElse(stage));
      await stage.fail(1);
      expect(await breaker(stage)).to.equal("open");
    });

    it("why its breaker was opened: one that a probe has tripped closes with the next good one", async () => {
      const stage = await open(withSetup(tripping));
      await stage.fleet.break({ kind: "huge" }, 0);
      await stage.join();
      await stage.pass(4 * SECOND_MS);
      expect([await state(stage), await breaker(stage)]).to.deep.equal(["down", "open"]);
      stage.gateway.reconfigure(everythingElse(stage));
      expect([await state(stage), await breaker(stage)]).to.deep.equal(["down", "open"]);
      await stage.fleet.sfus[0]!.heal();
      // By the reset time it never would be. Its key may have been checked too lately for the first good probe to do so again.
      await eventually("it is back", async () => {
        await clock.elapse(SECOND_MS / 2);
        return (await breaker(stage)) === "closed";
      });
    });

    it("the failures that its breaker has counted", async () => {
      const stage = await open(one);
      await stage.fail(4);
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await breaker(stage)).to.equal("closed");
      await stage.fail(1);
      expect(await breaker(stage)).to.equal("open");
    });

    it("the probes in a row that have failed", async () => {
      const stage = await open(withSetup({ health: { intervalMs: 6 * SECOND_MS, unhealthyAfter: 3 } }));
      const [sfu] = stage.fleet.sfus;
      await sfu!.break({ kind: "huge" });
      const probes = (): number => sfu!.requests.filter(({ path }) => path === "/v1/noop").length;
      while (probes() < 2) await stage.pass(10);
      await stage.pass(100);
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await state(stage)).to.equal("failing");
      await clock.elapse(SECOND_MS);
      await eventually("it is down", async () => (await state(stage)) === "down");
      expect(probes()).to.equal(3);
    });

    it("that it refuses its key, until the key is changed", async () => {
      const stage = await open(([first]) => ({ sfus: [{ ...first, key: sfuKey(9) }] }));
      await stage.join();
      await eventually("it is found out", async () => (await state(stage)) === "misconfigured");
      stage.gateway.reconfigure({ sfus: [stage.entry(0, { key: sfuKey(9), weight: 2 })] });
      expect(await state(stage)).to.equal("misconfigured");
      expect(await stage.servedBy()).to.equal("no_sfu_available");
      stage.gateway.reconfigure({ sfus: [stage.entry(0)] });
      expect(await state(stage)).to.equal("unknown");
      expect(await stage.servedBy()).to.equal(0);
      await eventually("it is checked at once", async () => (await state(stage)) === "healthy");
    });

    it("its report, and what has been placed on it since", async () => {
      const stage = await open(all);
      await stage.beat(0, { sessions: 77, cpuUsage: 0.25, memoryUsage: 0.5 });
      await stage.join();
      const before = (await stage.healthOf(0))!.load!;
      expect(before.expected).to.be.above(0);
      stage.gateway.reconfigure(everythingElse(stage));
      expect((await stage.healthOf(0))!.load).to.deep.equal({ ...before, maxSessions: 500 });
    });

    it("that it is drained, even when it has left and come back", async () => {
      const stage = await open(all, { sfus: 2 });
      await stage.admin("/v1/sfu/drain", { address: stage.entry(0).address });
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await stage.healthOf(0)).to.include({ draining: true, out: "draining" });
      stage.gateway.reconfigure({ sfus: [stage.entry(1)] });
      expect(await stage.healthOf(0)).to.equal(null);
      stage.gateway.reconfigure({ sfus: stage.entries });
      expect(await stage.healthOf(0)).to.include({ draining: true, out: "draining" });
    });

    it("the conferences that it has", async () => {
      const stage = await open(all, { sfus: 3 });
      const rooms = ["a", "b", "c", "d", "e", "f"];
      const serve = (): Promise<readonly unknown[]> =>
        Promise.all(rooms.map(async (iss) => (await stage.gateway.join({ iss })).body.uuid));
      const before = await serve();
      stage.gateway.reconfigure({ ...everythingElse(stage), sfus: stage.entries.toReversed() });
      expect(await serve()).to.deep.equal(before);
      expect(await stage.gateway.metric("assignments")).to.equal(rooms.length);
    });

    it("that it is warming up", async () => {
      const stage = await open(([first]) => ({ sfus: [first!], env: OPEN }), { sfus: 2 });
      const shares = async (): Promise<readonly number[]> => {
        const { sfus } = (await (await stage.admin("/v1/explain")).json()) as RankingReport;
        return sfus.map(({ share }) => share).toSorted((a, b) => a - b);
      };
      await clock.elapse(31 * SECOND_MS);
      stage.gateway.reconfigure({ sfus: stage.entries });
      await clock.elapse(15 * SECOND_MS);
      stage.gateway.reconfigure(everythingElse(stage));
      expect(await shares()).to.deep.equal([0.5, 1]);
    });

    it("what is counted of it, and begins anew with one that has left", async () => {
      const stage = await open(all);
      const { address } = stage.entry(0);
      const count = (): Promise<number> =>
        stage.gateway.metric(`attempts_total{sfu="${String(address)}",outcome="ok"}`);
      await stage.join();
      stage.gateway.reconfigure(everythingElse(stage));
      await stage.join();
      expect(await count()).to.equal(2);
      stage.gateway.reconfigure({ sfus: [] });
      expect(await (await stage.gateway.get("/metrics")).text()).not.to.contain(address);
      stage.gateway.reconfigure({ sfus: stage.entries });
      expect(await (await stage.gateway.get("/metrics")).text()).to.contain(address);
      expect(await count()).to.equal(0);
    });
  });

  it("and not what an SFU was, that has left and comes back", async () => {
    const stage = await open(withSetup({ breaker: { minimumRequests: 1, resetTimeoutMs: NEVER_MS } }));
    await stage.fail(1);
    expect([await state(stage), await breaker(stage)]).to.deep.equal(["failing", "open"]);
    stage.gateway.reconfigure({ sfus: [] });
    stage.gateway.reconfigure({ sfus: stage.entries });
    expect([await state(stage), await breaker(stage)]).to.deep.equal(["unknown", "closed"]);
    expect(await stage.servedBy()).to.equal(0);
  });

  describe("where another source has the SFU, too", () => {
    const opened = async (stage: Stage): Promise<void> => {
      await stage.fail(1);
      await stage.admin("/v1/sfu/drain", { address: stage.entry(0).address });
      expect(await breaker(stage)).to.equal("open");
    };
    const keeps = async (stage: Stage, source: string): Promise<void> => {
      expect(await stage.healthOf(0)).to.include({ source, breaker: "open", draining: true });
    };
    const fragile = { breaker: { minimumRequests: 1, resetTimeoutMs: NEVER_MS } };

    it("that one's entry takes over: a heartbeat's", async () => {
      const stage = await open(withSetup({ ...fragile, sfus: [] }));
      await stage.beat(0);
      await opened(stage);
      stage.gateway.reconfigure({ sfus: stage.entries });
      await keeps(stage, "static");
      stage.gateway.reconfigure({ sfus: [] });
      await keeps(stage, "heartbeat");
    });

    it("that one's entry takes over: the list's", async () => {
      const stage = await open((entries, [list]) => ({
        ...withSetup(fragile)(entries, []),
        registry: { url: list!.url, intervalMs: SECOND_MS },
      }));
      await eventually("the list is read", () =>
        stage.gateway.logs.some(({ msg }) => String(msg).includes("list was read")),
      );
      await opened(stage);
      stage.gateway.reconfigure({ sfus: [] });
      await keeps(stage, "external");
      stage.gateway.reconfigure({ sfus: stage.entries, registry: null });
      await keeps(stage, "static");
    });

    it("but no heartbeat's that came while the file had it, for that was not asked whether it may: the next one's", async () => {
      const stage = await open(all);
      await stage.beat(0);
      stage.gateway.reconfigure({ sfus: [] });
      expect(await stage.healthOf(0)).to.equal(null);
      await stage.beat(0);
      expect(await stage.healthOf(0)).to.include({ source: "heartbeat", available: true });
    });

    it("and one that has registered leaves at once where the rules do not let it any more", async () => {
      const stage = await open(withSetup({ sfus: [] }), { sfus: 2 });
      await stage.beat(0);
      await stage.beat(1);
      const [first] = stage.fleet.sfus;
      stage.gateway.reconfigure({ registration: { allow: [first!.address] } });
      await eventually("the other one has left", async () => (await stage.healthOf(1)) === null);
      expect(await stage.healthOf(0)).to.include({ source: "heartbeat", available: true });
    });
  });

  describe("of the requests in flight", () => {
    const slowly = async (stage: Stage, delayMs: number, index = 0): Promise<void> =>
      stage.fleet.break({ kind: "slow", delayMs }, index);
    const begin = async (stage: Stage): Promise<{ readonly end: () => Promise<number | string> }> => {
      const ended = stage.servedBy();
      await eventually("an SFU is asked", () => stage.fleet.joins() > 0);
      return { end: () => stage.whenOver(ended) };
    };

    for (const [what, began, reloaded, outcome] of [
      ["a longer budget", 2500, 100, 0],
      ["a shorter budget", 300, 2500, "all_candidates_failed"],
    ] as const) {
      it(`${what} than there is now, with which they have begun`, async () => {
        const stage = await open(withSetup({ failover: { retryTimeoutMs: began } }));
        await slowly(stage, 700);
        const call = await begin(stage);
        const startedMs = clock.monotonic();
        stage.gateway.reconfigure({ failover: { retryTimeoutMs: reloaded } });
        expect(await call.end()).to.equal(outcome);
        expect(clock.monotonic() - startedMs).to.be.within(outcome === 0 ? 680 : 280, outcome === 0 ? 1200 : 700);
      });
    }

    const cases: Readonly<Record<string, (stage: Stage) => Partial<GatewaySetup>>> = {
      "the SFU that has left": () => ({ sfus: [] }),
      "the SFU's key": ({ entry }) => ({ sfus: [entry(0, { key: sfuKey(9) })] }),
      "the key that they are signed with": () => ({ env: { SFU_GATEWAY_KEY: OTHER_KEY } }),
      "the strategy": () => ({ balancing: { strategy: "load" } }),
    };
    for (const [what, change] of Object.entries(cases)) {
      it(`${what}, as it was when they began`, async () => {
        const stage = await open(all);
        await slowly(stage, 300);
        const call = await begin(stage);
        stage.gateway.reconfigure(change(stage));
        expect(await call.end()).to.equal(0);
      });
    }

    it("that they are one: who joins before and after the reload gets the same channel", async () => {
      const stage = await open(all);
      await slowly(stage, 300);
      const first = [stage.gateway.join(), stage.gateway.join()];
      await eventually("the SFU is asked", () => stage.fleet.joins() === 1);
      stage.gateway.reconfigure(everythingElse(stage));
      const later = stage.gateway.join();
      await eventually("the others have come", async () => (await stage.gateway.metric("coalesced_total")) === 2);
      const answers = await stage.whenOver(Promise.all([...first, later]));
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
      expect(new Set(answers.map(({ body }) => body.uuid)).size).to.equal(1);
      expect(stage.fleet.joins()).to.equal(1);
    });

    it("but not whom they may ask next: an SFU that has left is not, one that has come is", async () => {
      const stage = await open(([a, b]) => ({ sfus: [a!, b!], failover: { attemptTimeoutMs: 500 } }), { sfus: 3 });
      await stage.fleet.break({ kind: "hang" }, 0);
      const call = await begin(stage);
      stage.gateway.reconfigure({ sfus: [stage.entry(0), stage.entry(2)] });
      expect(await call.end()).to.equal(2);
      expect(asked(stage, 1)).to.equal(0);
    });
  });

  it("and the turns: they are as fair as without it, however often it comes", async () => {
    const stage = await open(all, { sfus: 3 });
    const served: unknown[] = [];
    while (served.length < 9) {
      served.push(await stage.servedBy());
      stage.gateway.reconfigure({ overload: { maxCpu: 0.9 - served.length / 100 } });
    }
    expect(served.toSorted()).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  });

  it("and leaves nothing behind, a hundred times in a row", async () => {
    const stage = await open(
      (entries, lists) => ({
        ...all(entries, lists),
        health: { intervalMs: SECOND_MS, statsIntervalMs: SECOND_MS },
      }),
      { sfus: 3 },
    );
    const { app } = stage.gateway;
    const footprint = async (): Promise<unknown> => {
      await stage.pass(3 * SECOND_MS);
      const series = (await (await stage.gateway.get("/metrics")).text()).split("\n").length;
      return { timers: clock.timers(), series };
    };
    const before = await footprint();
    let subscribed = 0;
    const subscribe = app.events.on.bind(app.events);
    app.events.on = (...args) => {
      subscribed++;
      subscribe(...args);
    };
    for (let count = 0; count < 50; count++) {
      stage.gateway.reconfigure({
        ...everythingElse(stage),
        health: { intervalMs: 2 * SECOND_MS + count, statsIntervalMs: 2 * SECOND_MS + count },
        breaker: { windowMs: 5 * SECOND_MS + count },
        registry: { url: stage.lists[count % 2]!.url, intervalMs: SECOND_MS },
        sfus: stage.entries.slice(count % 3),
      });
      if (count % 10 === 0) await stage.pass(SECOND_MS);
      stage.gateway.reconfigure({
        ...all(stage.entries, stage.lists),
        registry: null,
        health: { intervalMs: SECOND_MS, statsIntervalMs: SECOND_MS },
      });
    }
    expect(subscribed, "who subscribes at each reload is never let go").to.equal(0);
    expect(await footprint()).to.deep.equal(before);
  });
});

describe("scenario: a reload at a bad moment", () => {
  const clock = useFakeClock();
  const open = useStages(clock);
  const watching: Partial<GatewaySetup> = { health: { intervalMs: SECOND_MS, statsIntervalMs: SECOND_MS } };

  const sources = (stage: Stage): Promise<readonly string[]> =>
    stage.health().then((sfus) => sfus.map(({ source }) => source));

  it("that takes all SFUs away is survived, and so is the one that brings them back", async () => {
    const stage = await open(withSetup(watching), { sfus: 2 });
    await stage.pass(SECOND_MS);
    stage.gateway.reconfigure({ sfus: [] });
    expect(await stage.servedBy()).to.equal("no_sfu_available");
    expect((await stage.gateway.get("/readyz")).status).to.equal(503);
    expect((await stage.gateway.get("/healthz")).status).to.equal(200);
    await stage.pass(SECOND_MS);
    stage.gateway.reconfigure({ sfus: stage.entries });
    expect((await stage.gateway.get("/readyz")).status).to.equal(200);
    expect(await stage.servedBy()).to.be.oneOf([0, 1]);
    await stage.pass(SECOND_MS);
    expect((await stage.health()).map(({ state }) => state)).to.deep.equal(["healthy", "healthy"]);
  });

  it("takes the addresses that two entries have exchanged for what they are", async () => {
    const named = ([a, b]: readonly Readonly<Record<string, unknown>>[]): GatewaySetup["sfus"] => [
      { ...a, region: "eu" },
      { ...b, region: "us" },
    ];
    const stage = await open((entries) => ({ sfus: named(entries) }), { sfus: 2 });
    expect(await stage.servedBy("region=eu")).to.equal(0);
    stage.gateway.reconfigure({ sfus: named(stage.entries.toReversed()) });
    expect([await stage.servedBy("region=eu"), await stage.servedBy("region=us")]).to.deep.equal([1, 0]);
  });

  it("in the middle of probes and readings leaves each SFU with one of either, and with its own health", async () => {
    const stage = await open(withSetup(watching), { sfus: 4 });
    await stage.fleet.break({ kind: "slow", delayMs: 300 }, 0, 1, 2);
    const [, , leaving] = stage.fleet.sfus;
    for (const parts of [{ weight: 2 }, { weight: 3 }, { region: "eu" }]) {
      await eventually("a probe is under way", async () => {
        await stage.pass(10);
        return stage.fleet.sfus.some(({ requests }) => requests.at(-1)?.status === null);
      });
      stage.gateway.reconfigure({
        sfus: [stage.entry(0, parts), stage.entry(1), stage.entry(3)],
        health: { intervalMs: SECOND_MS + 1, statsIntervalMs: SECOND_MS + 1 },
      });
      stage.gateway.reconfigure({ sfus: stage.entries, ...watching });
    }
    await stage.pass(3 * SECOND_MS);
    for (const sfu of stage.fleet.sfus) sfu.clearRequests();
    await stage.pass(10 * SECOND_MS);
    for (const { requests } of stage.fleet.sfus) {
      const count = (path: string): number => requests.filter((request) => request.path === path).length;
      expect(count("/v1/stats"), "readings").to.be.within(7, 14);
      // Who has just been read need not be probed.
      expect(count("/v1/noop"), "probes").to.be.at.most(14);
    }
    expect((await stage.health()).map(({ state, load }) => [state, load === null])).to.deep.equal(
      Array(4).fill(["healthy", false]),
    );
    expect(leaving!.requests).not.to.be.empty;
  });

  it("to a list that is dead keeps the SFUs of the one before; to none lets them go; and back takes them again", async () => {
    const stage = await open((_, [list]) => ({ sfus: [], registry: { url: list!.url, intervalMs: SECOND_MS } }), {
      sfus: 2,
    });
    await stage.pass(SECOND_MS);
    expect(await sources(stage)).to.deep.equal(["external"]);
    await stage.lists[1]!.break({ kind: "refuse" });
    stage.gateway.reconfigure({ registry: { url: stage.lists[1]!.url, intervalMs: SECOND_MS } });
    await stage.pass(5 * SECOND_MS);
    expect(await stage.servedBy()).to.equal(0);
    stage.lists[0]!.clearRequests();
    await stage.lists[1]!.heal();
    await stage.pass(2 * SECOND_MS);
    expect(await stage.servedBy(), "the other list's").to.equal(1);
    stage.gateway.reconfigure({ registry: null });
    expect(await sources(stage)).to.deep.equal([]);
    await stage.pass(2 * SECOND_MS);
    expect(stage.lists[0]!.requests, "nobody reads it any more").to.deep.equal([]);
    stage.gateway.reconfigure({ registry: { url: stage.lists[0]!.url, intervalMs: SECOND_MS } });
    await stage.pass(SECOND_MS);
    expect(await stage.servedBy()).to.equal(0);
  });

  it("while the list is being read takes nothing of what was under way", async () => {
    const stage = await open((_, [list]) => ({ sfus: [], registry: { url: list!.url, intervalMs: 10 * SECOND_MS } }), {
      sfus: 2,
    });
    await stage.lists[0]!.break({ kind: "slow", delayMs: 500 });
    await eventually("it is being read", () => stage.lists[0]!.requests.length > 0);
    stage.gateway.reconfigure({ registry: null });
    await stage.pass(SECOND_MS);
    expect(await sources(stage)).to.deep.equal([]);
  });

  it("while shutting down lets what is in flight end well, and after it does nothing", async () => {
    const stage = await open(all);
    await stage.fleet.break({ kind: "slow", delayMs: 500 }, 0);
    const call = stage.servedBy();
    await eventually("the SFU is asked", () => stage.fleet.joins() === 1);
    const closed = stage.gateway.app.close();
    stage.gateway.reconfigure({ ...everythingElse(stage), breaker: { windowMs: 1000 }, ...watching });
    expect(await stage.whenOver(call)).to.equal(0);
    await stage.whenOver(closed);
    stage.gateway.reconfigure({ breaker: { windowMs: 2000 }, health: { intervalMs: 500, statsIntervalMs: 500 } });
    stage.gateway.reconfigure({ sfus: [], registry: { url: stage.lists[0]!.url, intervalMs: 1000 } });
    await clock.elapse(0);
    expect(clock.timers()).to.equal(0);
  });

  it("to a shorter budget, and shutting down just after it, cuts nobody off who had begun with the longer one", async () => {
    const stage = await open((sfus) => ({ sfus, failover: { attemptTimeoutMs: 2500 } }));
    await stage.fleet.break({ kind: "slow", delayMs: 2000 }, 0);
    const call = stage.servedBy();
    await eventually("the SFU is asked", () => stage.fleet.joins() === 1);
    stage.gateway.reconfigure({ failover: { retryTimeoutMs: 100 } });
    const closed = stage.gateway.app.close();
    expect(await stage.whenOver(call)).to.equal(0);
    await stage.whenOver(closed);
  });

  it("that the gateway itself cannot take changes nothing", async () => {
    const stage = await open(([first]) => ({ sfus: [first!] }), { sfus: 2 });
    const { config } = configurationOf({ sfus: stage.entries });
    const { secrets } = configurationOf({ sfus: [], env: { ...OPEN, SFU_GATEWAY_KEY: OTHER_KEY } });
    expect(() => stage.gateway.app.reconfigure(config, secrets)).to.throw("no key for");
    expect([await stage.servedBy(), await stage.servedBy()]).to.deep.equal([0, 0]);
    expect((await stage.admin("/v1/explain")).status).to.equal(404);
  });

  it("explains from then on what it serves from then on", async () => {
    const stage = await open(withSetup({ sfus: [], balancing: { strategy: "load" } }), { sfus: 3 });
    await stage.beat(0, { sessions: 100, region: "eu-west-3", cpuUsage: 0.9 });
    await stage.beat(1, { sessions: 300, region: "us-east-1", cpuUsage: 0.1 });
    await stage.beat(2, { sessions: 800, region: "ap-south-1" });
    const explained = async (query: string): Promise<number> => {
      const { sfus } = (await (await stage.admin(`/v1/explain?${query}`)).json()) as RankingReport;
      return stage.fleet.sfus.findIndex(({ address }) => address === sfus.find(({ rank }) => rank === 1)?.address);
    };
    const base = { sessions: 0.5, cpu: 0.3, memory: 0.2, distance: 1 };
    const changes: readonly Partial<GatewaySetup>[] = [
      {},
      { balancing: { weights: { ...base, cpu: 3 } } },
      { balancing: { weights: { ...base, sessions: 5, distance: 0.1 } } },
      { balancing: { weights: { ...base, distance: 10 } } },
      { overload: { maxCpu: 0.5 } },
      { regions: { "us-east-1": { latitude: 48, longitude: 2 } } },
      { overload: { maxSessionsRatio: 0.2 } },
      { sfus: [stage.entry(2, { region: "eu-west-3", weight: 100 })] },
    ];
    const winners = new Set<number>();
    for (const change of changes) {
      stage.gateway.reconfigure(change);
      for (const query of ["", "country=FR", "country=IN", "region=us-east-1"]) {
        const winner = await explained(query);
        expect(await stage.servedBy(query), `${JSON.stringify(change)} ${query}`).to.equal(
          winner === -1 ? "overloaded" : winner,
        );
        winners.add(winner);
      }
    }
    expect([...winners]).to.have.members([0, 1, 2, -1]);
  });

  it("that turns affinity off lets go even of the conferences that are assigned", async () => {
    const stage = await open(all, { sfus: 2 });
    const urls = async (): Promise<ReadonlySet<unknown>> => {
      const served = new Set<unknown>();
      for (let count = 0; count < 4; count++) {
        served.add((await stage.gateway.join({ iss: "a room" })).body.url);
        await clock.elapse(SECOND_MS);
      }
      return served;
    };
    expect((await urls()).size).to.equal(1);
    stage.gateway.reconfigure({ affinity: { ttlMs: 0 } });
    expect((await urls()).size).to.equal(2);
  });

  it("takes a key away from who has it: Odoo, the SFUs, the operator", async () => {
    const stage = await open(all);
    const statuses = async (): Promise<readonly number[]> => [
      (await stage.join()).status,
      (await stage.beat(0)).status,
      (await stage.admin("/v1/explain")).status,
    ];
    expect(await statuses()).to.deep.equal([200, 200, 200]);
    const another = Buffer.from("a registration key that nobody has yet").toString("base64");
    stage.gateway.reconfigure({
      env: {
        SFU_GATEWAY_KEY: OTHER_KEY,
        SFU_GATEWAY_REGISTRATION_KEY: another,
        SFU_GATEWAY_ADMIN_TOKEN: `${ADMIN_TOKEN}, and more of it`,
      },
    });
    expect(await statuses()).to.deep.equal([401, 401, 401]);
    expect((await stage.beat(0, { signedWith: another })).status).to.equal(200);
    stage.gateway.reconfigure({
      env: {
        SFU_GATEWAY_KEY: `${OTHER_KEY},${GATEWAY_KEY}`,
        SFU_GATEWAY_REGISTRATION_KEY: "",
        SFU_GATEWAY_ADMIN_TOKEN: "",
      },
    });
    expect(await statuses()).to.deep.equal([200, 404, 404]);
  });
});
