import { expect } from "chai";
import type { Sfu } from "../../../lib/sfu/sfu.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuKey } from "../../support/tokens.ts";
import { answered } from "../harness.ts";
import { fleetOf, HEALTH, type Instance, ownerOf, useInstances } from "./instances.ts";
import { createRoom, type Room } from "./room.ts";

const { statsIntervalMs: INTERVAL_MS } = HEALTH;
const LOAD = { sessions: 37, channels: 9, ordinarySessions: 31 };

describe("several gateways that read the statistics of one fleet", () => {
  const clock = useFakeClock();
  let room: Room;
  const start = useInstances(clock, () => room);
  beforeEach(() => {
    room = createRoom(clock);
  });

  const readings = (instances: readonly Instance[], sfu: Sfu): number =>
    instances.reduce((sum, { client }) => sum + client.count("stats", sfu), 0);
  const carry = (instances: readonly Instance[], sfus: readonly Sfu[], load = LOAD): void => {
    for (const { client } of instances) for (const sfu of sfus) client.of(sfu).stats = { ...load, uuids: ["a"] };
  };

  for (const count of [1, 2, 4]) {
    it(`read each SFU's once an interval, where they are ${String(count)}, and all know it`, async () => {
      const sfus = fleetOf(40);
      const instances = await start(count, { sfus });
      carry(instances, sfus);
      await clock.elapse(2 * INTERVAL_MS);
      const before = sfus.map((sfu) => readings(instances, sfu));
      await clock.elapse(20 * INTERVAL_MS);
      const each = sfus.map((sfu, index) => (readings(instances, sfu) - before[index]!) / 20);
      expect(Math.min(...each)).to.be.at.least(1);
      expect(Math.max(...each)).to.be.at.most(1 / 0.75);
      for (const { registry } of instances) {
        for (const sfu of sfus) {
          expect(registry.report(sfu)).to.include({ ...LOAD, cpu: null, memory: null });
          expect(clock.monotonic() - registry.report(sfu)!.atMs).to.be.at.most(INTERVAL_MS);
        }
      }
    });
  }

  it("tell as old a report as it is: of the moment when it was asked for", async () => {
    const [sfu] = fleetOf(1);
    const [one, other] = (await start(2, { sfus: [sfu!] })) as [Instance, Instance];
    for (const { client } of [one, other]) {
      client.of(sfu!).stats = { afterMs: 800, then: { ...LOAD, uuids: [] } };
    }
    await clock.elapse(3 * INTERVAL_MS);
    const atMs = other.registry.report(sfu!)!.atMs;
    expect(one.registry.report(sfu!)!.atMs).to.equal(atMs);
    expect([...one.client.times("stats", sfu!), ...other.client.times("stats", sfu!)]).to.include(atMs);
  });

  it("leave the list of channels with who has read it", async () => {
    const [sfu] = fleetOf(1);
    const instances = await start(2, { sfus: [sfu!] });
    const owner = ownerOf(sfu!, instances);
    carry([owner], [sfu!]);
    await clock.elapse(3 * INTERVAL_MS);
    expect(instances.map(({ homes }) => homes.of("a") !== null)).to.deep.equal(
      instances.map((instance) => instance === owner),
    );
  });

  it("take over within an interval from one that leaves", async () => {
    const sfus = fleetOf(60);
    const instances = await start(3, { sfus });
    await clock.elapse(2 * INTERVAL_MS);
    const [leaver, ...rest] = instances;
    const its = sfus.filter((sfu) => ownerOf(sfu, instances) === leaver);
    const before = its.map((sfu) => readings(rest, sfu));
    await leaver!.stop();
    await clock.elapse(INTERVAL_MS);
    expect(its.filter((sfu, index) => readings(rest, sfu) === before[index])).to.deep.equal([]);
  });

  it("read for one that does not get there", async () => {
    const [sfu] = fleetOf(1);
    const instances = await start(3, { sfus: [sfu!] });
    await clock.elapse(2 * INTERVAL_MS);
    const owner = ownerOf(sfu!, instances);
    owner.client.kill(sfu!, "refuses");
    let oldestMs = 0;
    for (let second = 0; second < 100; second++) {
      await clock.elapse(1000);
      for (const { registry } of instances) {
        oldestMs = Math.max(oldestMs, clock.monotonic() - registry.report(sfu!)!.atMs);
      }
    }
    expect(oldestMs).to.be.at.most(3 * INTERVAL_MS);
    const before = readings(instances, sfu!);
    await clock.elapse(20 * INTERVAL_MS);
    expect((readings(instances, sfu!) - before) / 20, "not each of them").to.be.at.most(1.1);
  });

  it("each try those whose statistics nobody can read", async () => {
    const [sfu] = fleetOf(1);
    const instances = await start(2, { sfus: [sfu!] });
    for (const { client } of instances) client.of(sfu!).stats = answered(404);
    await clock.elapse(10 * INTERVAL_MS);
    for (const { client } of instances) expect(client.count("stats", sfu!)).to.be.at.least(10);
  });

  it("each read all while they cannot reach each other, and share again afterwards", async () => {
    const sfus = fleetOf(20);
    const instances = await start(2, { sfus });
    await clock.elapse(2 * INTERVAL_MS);
    const perInterval = async (): Promise<number> => {
      const before = sfus.reduce((sum, sfu) => sum + readings(instances, sfu), 0);
      await clock.elapse(10 * INTERVAL_MS);
      return (sfus.reduce((sum, sfu) => sum + readings(instances, sfu), 0) - before) / sfus.length / 10;
    };
    for (const { store } of instances) store.setAway(true);
    expect(await perInterval()).to.be.within(2.1, 2.5);
    for (const { store } of instances) store.setAway(false);
    await clock.elapse(INTERVAL_MS);
    expect(await perInterval()).to.be.within(1, 1.3);
  });

  it("know the load at once where they start, and read nothing that is known", async () => {
    const sfus = fleetOf(20);
    const [one] = await start(1, { sfus });
    carry([one!], sfus);
    await clock.elapse(INTERVAL_MS);
    const [late] = await start(1, { sfus });
    for (const sfu of sfus) {
      expect(late!.registry.report(sfu)).to.include({ ...LOAD, atMs: one!.registry.report(sfu)!.atMs });
    }
    await clock.elapse(HEALTH.intervalMs);
    const read = sfus.filter((sfu) => late!.client.count("stats", sfu) > 0);
    expect(read.every((sfu) => ownerOf(sfu, [one!, late!]) === late)).to.be.true;
  });

  it("do not take an older report for a younger one", async () => {
    const [sfu] = fleetOf(1);
    const [one, other] = (await start(2, { sfus: [sfu!] })) as [Instance, Instance];
    await clock.elapse(INTERVAL_MS);
    const own = { sessions: 1, channels: 1, cpu: null, memory: null, atMs: clock.monotonic() };
    other.registry.setReport(sfu!, own);
    const text = JSON.stringify({ ...LOAD, tookMs: 50 });
    await one.store.board.post("reports", sfu!.address, text, INTERVAL_MS);
    expect(other.registry.report(sfu!)).to.equal(own);
  });

  it("do not put it over what an SFU tells by itself", async () => {
    const [sfu] = fleetOf(1);
    const [one, other] = (await start(2, { sfus: [sfu!] })) as [Instance, Instance];
    const address = sfu!.address;
    const load = { channels: 2, sessions: 7, cpuUsage: 0.25, memoryUsage: 0.5 };
    other.heartbeat({ status: "up", address, region: "eu", key: sfuKey(1), ...load });
    await clock.elapse(100);
    await one.store.board.post("reports", address, JSON.stringify({ ...LOAD, tookMs: 0 }), INTERVAL_MS);
    expect(other.registry.report(sfu!)).to.include({ sessions: 7, cpu: 0.25 });
  });

  const rubbish = {
    "no JSON": "{",
    nothing: "",
    "half a report": '{"sessions":1,"channels":1,"tookMs":0}',
    "less than nothing": JSON.stringify({ ...LOAD, sessions: -1, tookMs: 0 }),
    "a report of tomorrow": JSON.stringify({ ...LOAD, tookMs: -1000 }),
    "a fraction": JSON.stringify({ ...LOAD, channels: 1.5, tookMs: 0 }),
  };
  for (const [what, text] of Object.entries(rubbish)) {
    it(`take ${what} for no report`, async () => {
      const [sfu] = fleetOf(1);
      const [one, other] = (await start(2, { sfus: [sfu!] })) as [Instance, Instance];
      await one.store.board.post("reports", sfu!.address, text, INTERVAL_MS);
      expect(other.registry.report(sfu!)).to.equal(null);
    });
  }

  it("take no report of an SFU that they do not know", async () => {
    const [one, other] = (await start(2)) as [Instance, Instance];
    await one.store.board.post("reports", "http://nobody.test", JSON.stringify({ ...LOAD, tookMs: 0 }), INTERVAL_MS);
    expect(other.registry.all()).to.deep.equal([]);
  });
});
