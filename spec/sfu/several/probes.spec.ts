import { expect } from "chai";
import { LOOKS_A_SECOND } from "../../../lib/sfu/hints.ts";
import type { Sfu } from "../../../lib/sfu/sfu.ts";
import { useFakeClock } from "../../support/clock.ts";
import { answered } from "../harness.ts";
import { fleetOf, BREAKER, HEALTH, type Instance, ownerOf, useInstances } from "./instances.ts";
import { createRoom, type Room } from "./room.ts";

const { intervalMs: INTERVAL_MS } = HEALTH;

describe("several gateways that probe one fleet", () => {
  const clock = useFakeClock();
  let room: Room;
  const start = useInstances(clock, () => room);
  beforeEach(() => {
    room = createRoom(clock);
  });

  /** And readings of its statistics, each of which puts a probe off. */
  const probes = (instances: readonly Instance[], sfu: Sfu): number =>
    instances.reduce((sum, { client }) => sum + client.count("noop", sfu) + client.count("stats", sfu), 0);
  const othersThan = (one: Instance, instances: readonly Instance[]): Instance[] =>
    instances.filter((instance) => instance !== one);
  const kill = (instances: readonly Instance[], sfu: Sfu, how: "refuses" | "hangs" = "refuses"): void => {
    for (const { client } of instances) client.kill(sfu, how);
  };
  /** All have looked once, at an SFU that was well. */
  const settle = (): Promise<void> => clock.elapse(INTERVAL_MS);
  const states = (instances: readonly Instance[], sfu: Sfu): string[] => instances.map(({ state }) => state(sfu));

  describe("share the work", () => {
    /** Each once in 75 to 95 % of an interval. */
    const ALONE = 1 / 0.85;
    /** Each other one sees for itself after ten intervals. */
    const OTHERS = 1 / 10;
    /** Each has its statistics read, which puts a probe off and may be there before it was due. */
    const READ = INTERVAL_MS / HEALTH.statsIntervalMs / 0.85;

    for (const count of [1, 2, 4]) {
      it(`so that each SFU is probed once an interval, and little more, by ${String(count)}`, async () => {
        const sfus = fleetOf(100);
        const instances = await start(count, { sfus });
        await clock.elapse(2 * INTERVAL_MS);
        const before = sfus.map((sfu) => probes(instances, sfu));
        const intervals = 40;
        await clock.elapse(intervals * INTERVAL_MS);
        const each = sfus.map((sfu, index) => (probes(instances, sfu) - before[index]!) / intervals);
        const mean = each.reduce((sum, one) => sum + one, 0) / each.length;
        expect(Math.min(...each)).to.be.at.least(1);
        expect(mean).to.be.within(ALONE - 0.02, ALONE + 0.75 * READ + OTHERS * (count - 1) + 0.02);
      });
    }

    it("evenly", async () => {
      const sfus = fleetOf(200);
      const instances = await start(4, { sfus });
      await clock.elapse(20 * INTERVAL_MS);
      const counts = instances.map(({ client }) => client.asked.filter(({ what }) => what === "noop").length);
      expect(Math.max(...counts) / Math.min(...counts)).to.be.below(2);
    });

    it("so that each sees every SFU by itself now and then", async () => {
      const sfus = fleetOf(50);
      const instances = await start(3, { sfus });
      await clock.elapse(INTERVAL_MS);
      for (const { client } of instances) client.asked.length = 0;
      await clock.elapse(16 * INTERVAL_MS);
      for (const { client } of instances)
        expect(sfus.filter((sfu) => client.count("noop", sfu) === 0)).to.deep.equal([]);
    });

    it("and know each SFU within the first interval, whoever's it is", async () => {
      const sfus = fleetOf(50);
      const instances = await start(3, { sfus });
      await clock.elapse(INTERVAL_MS);
      for (const sfu of sfus) expect(states(instances, sfu)).to.deep.equal(["healthy", "healthy", "healthy"]);
    });
  });

  describe("take over from one that leaves", () => {
    it("within an interval, whatever it had", async () => {
      const sfus = fleetOf(60);
      const instances = await start(3, { sfus });
      await clock.elapse(3 * INTERVAL_MS);
      const [leaver, ...rest] = instances;
      const its = sfus.filter((sfu) => ownerOf(sfu, instances) === leaver);
      expect(its).to.have.length.above(5);
      await leaver!.store.close();
      const before = its.map((sfu) => probes(rest, sfu));
      await clock.elapse(INTERVAL_MS);
      const missed = its.filter((sfu, index) => probes(rest, sfu) === before[index]);
      expect(missed).to.deep.equal([]);
    });

    it("so that an SFU that dies then is down everywhere within two intervals more", async () => {
      const sfus = fleetOf(60);
      const instances = await start(3, { sfus });
      await clock.elapse(3 * INTERVAL_MS);
      const [leaver, ...rest] = instances;
      await leaver!.store.close();
      for (const sfu of sfus) kill(instances, sfu, "hangs");
      await clock.elapse(3 * INTERVAL_MS);
      for (const sfu of sfus) expect(states(rest, sfu)).to.deep.equal(["down", "down"]);
    });
  });

  describe("that cannot reach each other", () => {
    it("each probe all, and share again once they can", async () => {
      const sfus = fleetOf(50);
      const instances = await start(2, { sfus });
      await clock.elapse(2 * INTERVAL_MS);
      const perInterval = async (): Promise<number> => {
        const before = sfus.reduce((sum, sfu) => sum + probes(instances, sfu), 0);
        await clock.elapse(10 * INTERVAL_MS);
        return (sfus.reduce((sum, sfu) => sum + probes(instances, sfu), 0) - before) / sfus.length / 10;
      };
      for (const { store } of instances) store.setAway(true);
      await clock.elapse(INTERVAL_MS);
      expect(await perInterval()).to.be.within(2.2, 2.8);
      for (const { store } of instances) store.setAway(false);
      await clock.elapse(INTERVAL_MS);
      expect(await perInterval()).to.be.within(1, 1.4);
    });
  });

  describe("and an SFU that dies", () => {
    for (const how of ["refuses", "hangs"] as const) {
      it(`is down at all of them within two intervals and the time of two probes, where it ${how}`, async () => {
        const sfus = fleetOf(40);
        const instances = await start(4, { sfus });
        await clock.elapse(2 * INTERVAL_MS);
        for (const sfu of sfus) kill(instances, sfu, how);
        await clock.elapse(2 * INTERVAL_MS + 2 * HEALTH.timeoutMs);
        for (const sfu of sfus) expect(states(instances, sfu)).to.deep.equal(Array(4).fill("down"));
      });
    }

    it("is looked at by everybody as soon as its own has missed it", async () => {
      const [sfu] = fleetOf(1);
      const instances = await start(3, { sfus: [sfu!] });
      await settle();
      const owner = ownerOf(sfu!, instances);
      const others = othersThan(owner, instances);
      kill(instances, sfu!);
      while (owner.state(sfu!) === "healthy") await clock.elapse(1);
      expect(states(others, sfu!)).to.deep.equal(["failing", "failing"]);
    });

    it("is probed by whoever's calls have found it dead until his breaker is closed", async () => {
      const [sfu] = fleetOf(1);
      const instances = await start(2, { sfus: [sfu!] });
      await settle();
      const [other] = othersThan(ownerOf(sfu!, instances), instances);
      kill(instances, sfu!);
      await other!.fail(sfu!);
      while (other!.state(sfu!) !== "down") await clock.elapse(1);
      expect(other!.breakers.state(sfu!)).to.equal("open");
      // A key check now: the next one has to wait for an interval, and the first good probe cannot have one.
      other!.events.emit("attempt", { requestId: "r", sfu: sfu!, durationMs: 1, error: answered(500) });
      await clock.elapse(0);
      for (const { client } of instances) client.heal(sfu!);
      await clock.elapse(2 * INTERVAL_MS);
      expect(other!.breakers.state(sfu!)).to.equal("closed");
    });

    it("is back at each by its own probes", async () => {
      const [sfu] = fleetOf(1);
      const instances = await start(3, { sfus: [sfu!] });
      await settle();
      kill(instances, sfu!);
      await clock.elapse(3 * INTERVAL_MS);
      expect(states(instances, sfu!)).to.deep.equal(["down", "down", "down"]);
      for (const { client } of instances) client.heal(sfu!);
      await clock.elapse(INTERVAL_MS);
      expect(states(instances, sfu!)).to.deep.equal(["healthy", "healthy", "healthy"]);
    });
  });

  describe("and an SFU that one of them does not reach", () => {
    let sfu: Sfu;
    let instances: Instance[];
    let owner: Instance;
    let others: Instance[];
    beforeEach(async () => {
      [sfu] = fleetOf(1) as [Sfu];
      instances = await start(3, { sfus: [sfu] });
      await clock.elapse(2 * INTERVAL_MS);
      owner = ownerOf(sfu, instances);
      others = othersThan(owner, instances);
    });

    it("is out there alone, though it was that one's to probe", async () => {
      kill([owner], sfu);
      await clock.elapse(20 * INTERVAL_MS);
      expect(owner.state(sfu)).to.equal("down");
      expect(states(others, sfu)).to.deep.equal(["healthy", "healthy"]);
    });

    it("is out there alone, though it was another one's to probe", async () => {
      const [cutOff] = others;
      kill([cutOff!], sfu);
      await clock.elapse(20 * INTERVAL_MS);
      expect(cutOff!.state(sfu)).to.equal("down");
      expect(states(othersThan(cutOff!, instances), sfu)).to.deep.equal(["healthy", "healthy"]);
    });

    it("is found dead by the others all the same when it dies", async () => {
      kill([owner], sfu);
      await clock.elapse(5 * INTERVAL_MS);
      kill(others, sfu);
      await clock.elapse(16 * INTERVAL_MS);
      expect(states(others, sfu)).to.deep.equal(["down", "down"]);
    });

    it("is told of once, not at every probe", async () => {
      kill([owner], sfu);
      await clock.elapse(20 * INTERVAL_MS);
      expect(owner.told).to.deep.equal([{ kind: "trouble", address: sfu.address, isBreakerOpen: false }]);
      owner.client.heal(sfu);
      await clock.elapse(2 * INTERVAL_MS);
      kill([owner], sfu);
      await clock.elapse(2 * INTERVAL_MS);
      expect(owner.told).to.have.length(2);
      expect(others.flatMap(({ told }) => told)).to.deep.equal([]);
    });

    it("draws a probe for each time that it is told of, and no other", async () => {
      await clock.elapse(INTERVAL_MS);
      const before = others.map(({ client }) => client.count("noop", sfu));
      kill([owner], sfu);
      while (owner.told.length === 0) await clock.elapse(1);
      await clock.elapse(0);
      const drawn = (): number[] => others.map(({ client }, index) => client.count("noop", sfu) - before[index]!);
      expect(drawn()).to.deep.equal([1, 1]);
      // It is left to its own again: for five intervals at least.
      await clock.elapse(4 * INTERVAL_MS);
      expect(drawn()).to.deep.equal([1, 1]);
    });
  });

  it("find an SFU dead that is the share of one that does not know it, having another configuration or list", async () => {
    const sfus = fleetOf(40);
    const [one] = await start(1, { sfus });
    await start(1, { sfus: [] });
    await clock.elapse(2 * INTERVAL_MS);
    for (const sfu of sfus) kill([one!], sfu);
    await clock.elapse(16 * INTERVAL_MS);
    expect(sfus.filter((sfu) => one!.state(sfu) !== "down")).to.deep.equal([]);
  });

  it("tell nobody of trouble where nobody is", async () => {
    const [sfu] = fleetOf(1);
    const [only] = await start(1, { sfus: [sfu!] });
    await settle();
    kill([only!], sfu!);
    await clock.elapse(5 * INTERVAL_MS);
    expect(only!.state(sfu!)).to.equal("down");
    expect(only!.told).to.deep.equal([]);
  });

  describe("and a breaker that opens at one", () => {
    let sfu: Sfu;
    let one: Instance;
    let other: Instance;
    beforeEach(async () => {
      [sfu] = fleetOf(1) as [Sfu];
      [one, other] = (await start(2, { sfus: [sfu] })) as [Instance, Instance];
      await settle();
    });
    const open = async (): Promise<void> => {
      for (let count = 0; count < BREAKER.minimumRequests; count++) await one.fail(sfu);
      await clock.elapse(0);
      expect(one.breakers.state(sfu)).to.equal("open");
    };

    it("opens nobody else's, nor changes what they think of the SFU", async () => {
      await open();
      await clock.elapse(BREAKER.resetTimeoutMs);
      expect(other.breakers.state(sfu)).to.equal("closed");
      expect(other.state(sfu)).to.equal("healthy");
    });

    it("has the first fault of a call open another's", async () => {
      await open();
      await other.fail(sfu);
      expect(other.breakers.state(sfu)).to.equal("open");
    });

    it("does so for the reset time alone", async () => {
      await open();
      await clock.elapse(BREAKER.resetTimeoutMs - 1);
      const late = other.breakers.state(sfu);
      await clock.elapse(1);
      await other.fail(sfu);
      expect([late, other.breakers.state(sfu)]).to.deep.equal(["closed", "closed"]);
      expect(other.state(sfu), "it counts as any other").to.equal("failing");
    });

    it("does so until just before", async () => {
      await open();
      await clock.elapse(BREAKER.resetTimeoutMs - 1);
      await other.fail(sfu);
      expect(other.breakers.state(sfu)).to.equal("open");
    });

    it("does so no more once a call has gone through", async () => {
      await open();
      other.serve(sfu);
      await other.fail(sfu);
      expect(other.breakers.state(sfu)).to.equal("closed");
    });

    it("is told once, and not by those whose breaker a hint has helped to open", async () => {
      await open();
      await other.fail(sfu);
      await clock.elapse(0);
      expect(one.told).to.deep.equal([{ kind: "trouble", address: sfu.address, isBreakerOpen: true }]);
      expect(other.told).to.deep.equal([]);
    });

    it("is told again when it opens anew", async () => {
      await open();
      await clock.elapse(BREAKER.resetTimeoutMs);
      expect(one.breakers.state(sfu), "a key check has closed it").to.equal("closed");
      await one.fail(sfu);
      expect(one.told).to.have.length(2);
    });

    it("has the others look for themselves while it is suspect, whosever it is", async () => {
      await open();
      const before = other.client.count("noop", sfu);
      await clock.elapse(BREAKER.resetTimeoutMs);
      expect(other.client.count("noop", sfu) - before).to.be.at.least(2);
    });

    it("is the fault of nobody's probe: those go on being told of", async () => {
      await open();
      kill([one], sfu);
      await clock.elapse(INTERVAL_MS);
      expect(one.told.map((notice) => "isBreakerOpen" in notice && notice.isBreakerOpen)).to.deep.equal([true, false]);
    });
  });

  describe("and a storm of hints", () => {
    it("of a mad one is no storm of probes, and takes no SFU out", async () => {
      const sfus = fleetOf(400);
      const [mad, sane] = (await start(2, { sfus })) as [Instance, Instance];
      await clock.elapse(2 * INTERVAL_MS);
      const rate = async (seconds: number, each: () => void): Promise<number> => {
        const before = sane.client.asked.length;
        for (let tenth = 0; tenth < 10 * seconds; tenth++) {
          each();
          await clock.elapse(100);
        }
        return (sane.client.asked.length - before) / seconds;
      };
      const usual = await rate(10, () => undefined);
      const stormy = await rate(10, () => {
        for (const { address } of sfus) mad.store.notices.tell({ kind: "trouble", address, isBreakerOpen: true });
      });
      const alone = (sfus.length / INTERVAL_MS) * 1000 * (1 / 0.85);
      expect(usual).to.be.below(0.8 * alone);
      expect(stormy).to.be.within(usual, alone + LOOKS_A_SECOND);
      expect(sfus.filter((sfu) => sane.state(sfu) !== "healthy")).to.deep.equal([]);
      expect(sfus.filter((sfu) => sane.breakers.state(sfu) !== "closed")).to.deep.equal([]);
      expect(sane.told).to.deep.equal([]);
    });

    it("draws no more than so many probes in a second, and the rest within the interval", async () => {
      const sfus = fleetOf(400);
      const [one, other] = (await start(2, { sfus })) as [Instance, Instance];
      await clock.elapse(2 * INTERVAL_MS);
      const left = sfus.filter((sfu) => ownerOf(sfu, [one, other]) === one);
      expect(left).to.have.length.above(LOOKS_A_SECOND);
      const before = left.map((sfu) => other.client.count("noop", sfu));
      const looked = (): number => left.filter((sfu, index) => other.client.count("noop", sfu) > before[index]!).length;
      for (const { address } of left) one.store.notices.tell({ kind: "trouble", address, isBreakerOpen: false });
      await clock.elapse(0);
      expect(looked()).to.equal(LOOKS_A_SECOND);
      await clock.elapse(INTERVAL_MS);
      expect(looked()).to.equal(left.length);
    });

    it("of a region that dies leaves no other SFU unwatched", async () => {
      const sfus = fleetOf(300);
      const instances = await start(2, { sfus });
      await clock.elapse(2 * INTERVAL_MS);
      const [dead, alive] = [sfus.slice(0, 200), sfus.slice(200)];
      for (const sfu of dead) kill(instances, sfu, "hangs");
      await clock.elapse(2 * INTERVAL_MS + 2 * HEALTH.timeoutMs);
      for (const sfu of dead) expect(states(instances, sfu)).to.deep.equal(["down", "down"]);
      for (const sfu of alive) expect(states(instances, sfu)).to.deep.equal(["healthy", "healthy"]);
    });

    it("about SFUs that nobody knows is nothing", async () => {
      const sfus = fleetOf(2);
      const [one, other] = (await start(2, { sfus })) as [Instance, Instance];
      await settle();
      for (let n = 0; n < 1000; n++) {
        const address = `http://nobody${String(n)}.test`;
        one.store.notices.tell({ kind: "trouble", address, isBreakerOpen: true });
      }
      await clock.elapse(0);
      expect(other.registry.all()).to.have.length(2);
      expect(other.client.asked.every(({ sfu }) => sfus.includes(sfu))).to.be.true;
    });
  });
});
