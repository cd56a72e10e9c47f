import { expect } from "chai";
import type { SfuReport } from "../../lib/api/fleet.ts";
import { systemClock } from "../../lib/clock.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "../support/cleanup.ts";
import { disconnectToken, postOf } from "../support/disconnect.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultProxy, useFaultProxies } from "../support/fault-proxy.ts";
import { type GatewaySetup, type Joined, startGateway, type TestGateway } from "../support/gateway.ts";
import { storeOn, useRedis } from "../support/redis.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const ADMIN_TOKEN = "an admin token that nobody would guess";
const MEMBERS = 20;
/** `retry_timeout_ms`, and what lies on both sides of the gateway. */
const BUDGET_MS = 2600;
/** As a healthy SFU takes it, so that those who ask it at the same moment race (contract.md). */
const LATENCY = { latencyMs: { min: 0.5, max: 3 } };

describe("scenario: several gateways on one Redis", function () {
  this.timeout(30_000);
  const redis = useRedis();
  const startSfu = useSimulatedSfus();
  const startProxy = useFaultProxies();
  const cleanUp = useCleanup();
  let sfus: SimulatedSfu[];
  let gateways: TestGateway[];
  let lines: FaultProxy[];

  const start = async (parts: Partial<GatewaySetup> = {}): Promise<TestGateway> => {
    const line = await startProxy(redis.port);
    lines.push(line);
    const gateway = await startGateway({
      sfus: sfus.map(({ address }, index) => ({ address, key: sfuKey(index + 1) })),
      env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY, SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN },
      registration: { allow: ["http://127.0.0.1"] },
      store: storeOn(line.port),
      ...parts,
    });
    cleanUp(() => gateway.close());
    return gateway;
  };
  const statusOf = async (gateway: TestGateway): Promise<unknown> =>
    ((await (await gateway.get("/readyz")).json()) as { readonly status: string }).status;
  const allSay = (status: string): Promise<void> =>
    eventually(
      `all gateways say ${status}`,
      async () => {
        const all = await Promise.all(gateways.map(statusOf));
        return all.every((one) => one === status);
      },
      { patienceMs: 10_000, pauseMs: 10 },
    );

  beforeEach(async () => {
    lines = [];
    sfus = [];
    for (const number of [1, 2, 3]) sfus.push(await startSfu({ key: sfuKey(number), ...LATENCY }));
    gateways = await Promise.all([start(), start(), start(), start()]);
    await allSay("ready");
    await eventually("they know of each other", async () => {
      const counts = await Promise.all(gateways.map((gateway) => gateway.metric("instances")));
      return counts.every((count) => count === 4);
    });
  });

  interface Conference {
    readonly statuses: readonly number[];
    /** The longest that a member waited for the answer. */
    readonly slowestMs: number;
    readonly channels: ReadonlySet<unknown>;
  }

  /** All its members join at the same moment, spread over all gateways. */
  const joinAll = async (iss: string): Promise<Conference> => {
    const beganMs = systemClock.monotonic();
    let slowestMs = 0;
    const join = async (member: number): Promise<Joined> => {
      const joined = await gateways[member % gateways.length]!.join({ iss });
      slowestMs = Math.max(slowestMs, systemClock.monotonic() - beganMs);
      return joined;
    };
    const answers = await Promise.all(Array.from({ length: MEMBERS }, (_, member) => join(member)));
    return {
      slowestMs,
      statuses: answers.map(({ status }) => status),
      channels: new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.uuid)),
    };
  };
  const joinEach = async (name: string, count: number): Promise<readonly Conference[]> => {
    const conferences: Conference[] = [];
    for (let number = 0; number < count; number++) conferences.push(await joinAll(`${name} ${String(number)}`));
    return conferences;
  };
  const splitOf = (conferences: readonly Conference[]): number =>
    conferences.filter(({ channels }) => channels.size > 1).length;
  const expectAnswered = (conferences: readonly Conference[]): void => {
    for (const { statuses, slowestMs } of conferences) {
      expect(new Set(statuses)).to.deep.equal(new Set([200]));
      expect(slowestMs).to.be.at.most(BUDGET_MS);
    }
  };
  const made = (): number => sfus.reduce((sum, { channels }) => sum + channels.length, 0);

  it("one channel for each conference, whichever gateway its members ask at the same moment", async () => {
    const conferences = await joinEach("room", 25);
    expectAnswered(conferences);
    expect(splitOf(conferences)).to.equal(0);
    expect(made()).to.equal(25);
    const shared = await Promise.all(gateways.map((gateway) => gateway.metric("coalesced_total")));
    const asked = sfus.reduce((sum, { requests }) => sum + requests.length, 0);
    expect(shared.reduce((sum, count) => sum + count, 0)).to.equal(25 * MEMBERS - asked);
  });

  it("one channel also where the SFU has forgotten a conference that is still assigned to it", async () => {
    await joinEach("room", 5);
    for (const sfu of sfus) await sfu.restart();
    // For a moment after the answers it is still the same burst, and nobody is asked.
    const overMs = systemClock.monotonic() + 600;
    await eventually("the burst is over", () => systemClock.monotonic() > overMs, { pauseMs: 10 });
    const conferences = await joinEach("room", 5);
    expect(splitOf(conferences)).to.equal(0);
    expect(made()).to.equal(5);
  });

  it("the same SFU for whoever comes later, at whichever gateway", async () => {
    for (let room = 0; room < 8; room++) {
      const urls: unknown[] = [];
      for (const gateway of gateways) urls.push((await gateway.join({ iss: `room ${String(room)}` })).body.url);
      expect(new Set(urls).size).to.equal(1);
    }
  });

  it("conferences are spread as one gateway would spread them, for each counts what the others place", async () => {
    for (let room = 0; room < 24; room++) await gateways[room % 4]!.join({ iss: `room ${String(room)}` });
    await eventually("all is heard", async () => (await gateways[0]!.metric("assignments")) === 24);
    for (const { channels } of sfus) expect(channels.length).to.be.within(4, 12);
  });

  it("a drain at one is one at all within a second", async () => {
    const init = { method: "POST", headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };
    const body = JSON.stringify({ address: sfus[0]!.address });
    const isDrained = async (gateway: TestGateway): Promise<boolean> => {
      const { sfus: all } = (await (await gateway.get("/v1/health")).json()) as { readonly sfus: readonly SfuReport[] };
      return all.some(({ address, draining }) => address === sfus[0]!.address && draining);
    };
    const everywhere = async (drained: boolean): Promise<boolean> =>
      (await Promise.all(gateways.map(isDrained))).every((one) => one === drained);
    const answer = await gateways[1]!.get("/v1/sfu/drain", { ...init, body });
    expect(await answer.json()).to.include({ draining: true, durable: true });
    await eventually("all have drained it", () => everywhere(true), { patienceMs: 1000 });
    // One that starts later finds it drained.
    gateways.push(await start());
    expect(await isDrained(gateways[4]!)).to.equal(true);
    await gateways[3]!.get("/v1/sfu/undrain", { ...init, body });
    await eventually("all have it back", () => everywhere(false), { patienceMs: 1000 });
  });

  /** Registers an SFU by its heartbeat. */
  const beat = (gateway: TestGateway, { address }: SimulatedSfu): Promise<Response> => {
    const load = { channels: 1, sessions: 7, cpuUsage: 0.1, memoryUsage: 0.2 };
    const exp = Math.floor(systemClock.now() / 1000) + 60;
    return gateway.get("/v1/sfu", {
      method: "POST",
      headers: { authorization: `Bearer ${token({ key: OTHER_KEY, claims: { exp } })}` },
      body: JSON.stringify({ status: "up", address, region: "eu-west-3", key: sfuKey(9), ...load }),
    });
  };

  it("a heartbeat at one is heard by all within a second, and by one that starts later", async () => {
    const sfu = await startSfu({ key: sfuKey(9), ...LATENCY });
    const knows = async (gateway: TestGateway): Promise<boolean> => {
      const { sfus: all } = (await (await gateway.get("/v1/health")).json()) as { readonly sfus: readonly SfuReport[] };
      return all.some(({ address, load }) => address === sfu.address && load?.sessions === 7);
    };
    expect((await beat(gateways[2]!, sfu)).status).to.equal(200);
    await eventually("all know it", async () => (await Promise.all(gateways.map(knows))).every(Boolean), {
      patienceMs: 1000,
    });
    expect(await knows(await start())).to.equal(true);
  });

  it("what was placed on an SFU that registers itself counts at a gateway that starts, too", async () => {
    const sfu = await startSfu({ key: sfuKey(9), ...LATENCY });
    const old = await start({ sfus: [] });
    await beat(old, sfu);
    for (let room = 0; room < 10; room++)
      expect((await old.join({ iss: `room ${String(room)}` })).status).to.equal(200);
    const expectedBy = async (gateway: TestGateway): Promise<number> => {
      const { sfus: all } = (await (await gateway.get("/v1/health")).json()) as { readonly sfus: readonly SfuReport[] };
      return all.find(({ address }) => address === sfu.address)?.load?.expected ?? -1;
    };
    const counted = await expectedBy(old);
    expect(counted).to.be.above(30);
    const late = await start({ sfus: [] });
    await eventually("it has heard of all", async () => (await expectedBy(late)) === counted, { patienceMs: 2000 });
    expect(sfu.channels).to.have.length(10);
  });

  it("a call that came by one is ended by another, which asks nobody else", async () => {
    const { body } = await gateways[0]!.join({ iss: "room" });
    const home = sfus.find(({ address }) => address === body.url)!;
    home.setSessions(body.uuid as string, { count: 2 });
    await eventually("the other one has heard", async () => (await gateways[3]!.metric("assignments")) === 1);
    const answer = await gateways[3]!.get("/v1/disconnect", postOf(disconnectToken({ [body.uuid as string]: [1, 2] })));
    expect(answer.status).to.equal(200);
    expect(home.channels[0]!.sessions).to.deep.equal([]);
    const asked = sfus.flatMap(({ requests }) => requests.filter(({ method }) => method === "POST"));
    expect(asked).to.have.length(1);
  });

  it("a gateway that ends takes nothing with it but its own calls", async () => {
    await joinEach("room", 5);
    const leaving = gateways.pop()!;
    const closing = leaving.close();
    const conferences = await joinEach("room", 10);
    await closing;
    expectAnswered(conferences);
    expect(splitOf(conferences)).to.equal(0);
    expect(made()).to.equal(10);
  });

  const losses: readonly (readonly [how: string, lose: () => unknown, back: () => unknown])[] = [
    ["hangs", () => redis.hang(), () => redis.goOn()],
    ["is killed", () => redis.stop(), () => redis.start()],
    [
      "cannot be reached",
      () => {
        for (const line of lines) line.set({ kind: "cut" });
      },
      () => {
        for (const line of lines) line.set({ kind: "none" });
      },
    ],
    [
      "says nothing any more, over connections that stand",
      () => {
        for (const line of lines) line.set({ kind: "hang", way: "server" });
      },
      () => {
        for (const line of lines) line.set({ kind: "none" });
      },
    ],
  ];
  for (const [how, lose, back] of losses) {
    it(`every call is answered while Redis ${how}, nearly all conferences stay whole, and it heals by itself`, async () => {
      const before = await joinEach("young", 10);
      const joining = joinEach("in the middle", 20);
      await eventually("some have joined", () => made() > 14);
      await lose();
      const middle = await joining;
      const after = await joinEach("after", 20);
      const again = await joinEach("young", 10);
      expectAnswered([...before, ...middle, ...after, ...again]);
      // Who was there before it happened is known to all.
      expect(again.map(({ channels }) => [...channels])).to.deep.equal(before.map(({ channels }) => [...channels]));
      // The one whose members were asking at that moment; the others for a machine that has more to do. By chance alone it
      // would be nearly all of the forty.
      expect(splitOf([...middle, ...after])).to.be.at.most(4);
      await allSay("degraded");
      await back();
      await allSay("ready");
      const healed = await joinEach("healed", 10);
      expectAnswered(healed);
      expect(splitOf(healed)).to.equal(0);
      // What was placed while it was away is known to all by now.
      expect(splitOf(await joinEach("after", 20))).to.equal(0);
    });
  }

  it("a Redis that is emptied splits no conference that has its channel", async () => {
    const before = await joinEach("young", 10);
    await eventually("all have heard of them", async () => {
      const known = await Promise.all(gateways.map((gateway) => gateway.metric("assignments")));
      return known.every((count) => count === 10);
    });
    await redis.ask("FLUSHALL");
    // Whoever is asked first is not the one that placed it.
    for (const [number, { channels }] of before.entries()) {
      for (const gateway of gateways) {
        const { status, body } = await gateway.join({ iss: `young ${String(number)}` });
        expect(status).to.equal(200);
        expect([body.uuid]).to.deep.equal([...channels]);
      }
    }
    const after = await joinEach("after", 10);
    expectAnswered(after);
    expect(splitOf(after)).to.equal(0);
  });

  it("gateways that start while Redis is away serve, and share as soon as it is there", async () => {
    await redis.stop();
    const late = await start();
    gateways.push(late);
    expect((await late.join({ iss: "room" })).status).to.equal(200);
    expect(await statusOf(late)).to.equal("degraded");
    await redis.start();
    await allSay("ready");
    const conferences = await joinEach("room", 5);
    expect(splitOf(conferences)).to.equal(0);
  });
});
