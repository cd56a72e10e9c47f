import { expect } from "chai";
import { parseKey } from "../../lib/auth/keys.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Report } from "../../lib/sfu/report.ts";
import type { Health } from "../../lib/sfu/sfu.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { OTHER_KEY } from "../support/tokens.ts";

describe("the registry", () => {
  const clock = useFakeClock();
  const healthy: Health = { state: "healthy", sinceMs: 1 };
  const down: Health = { state: "down", sinceMs: 2, reason: "refused the connection" };
  const misconfigured: Health = { state: "misconfigured", sinceMs: 3, reason: "refuses its key" };
  const reportOf = (sessions: number, atMs = 0): Report => ({ sessions, channels: 1, cpu: null, memory: null, atMs });

  let registry: Registry;
  /** Every event, in words. */
  let told: string[];
  let changes: EventMap["sfuChanged"][];
  beforeEach(() => {
    const events = new Events();
    told = [];
    changes = [];
    events.on("sfuAdded", ({ sfu }) => told.push(`${sfu.address} came`));
    events.on("sfuChanged", (change) => {
      changes.push(change);
      told.push(`${change.to.address} changed: ${change.from.source} → ${change.to.source}`);
    });
    events.on("sfuRemoved", ({ sfu }) => told.push(`${sfu.address} left`));
    events.on("health", ({ sfu, from, to }) => told.push(`${sfu.address}: ${from.state} → ${to.state}`));
    events.on("report", ({ sfu, report }) => told.push(`${sfu.address} has ${String(report.sessions)} sessions`));
    events.on("drain", ({ sfu, isDraining }) => told.push(`${sfu.address} ${isDraining ? "drained" : "undrained"}`));
    registry = createRegistry(clock, events);
  });

  const fromStatic = sfuOf(1, { source: "static", region: "static" });
  const fromList = sfuOf(1, { source: "external", region: "list" });
  const fromItself = sfuOf(1, { source: "heartbeat", region: "itself" });
  const { address } = fromStatic;

  it("holds SFUs in the order in which they came", () => {
    const [a, b] = [sfuOf(1), sfuOf(2)];
    registry.put(a);
    registry.put(b);
    expect(registry.all()).to.deep.equal([a, b]);
    expect(registry.get(b.address)).to.equal(b);
    expect(told).to.deep.equal([`${a.address} came`, `${b.address} came`]);
  });

  it("knows of a new one that nobody has asked it yet, and nothing else", async () => {
    registry.put(sfuOf(1));
    await clock.elapse(1000);
    expect(registry.health(sfuOf(1))).to.deep.equal({ state: "unknown", sinceMs: START_MS });
    expect(registry.report(sfuOf(1))).to.equal(null);
    expect(registry.isDraining(sfuOf(1))).to.equal(false);
  });

  it("knows nothing of an SFU that nobody has told it of", () => {
    expect(registry.get("http://nobody.test")).to.equal(null);
    expect(registry.health(sfuOf(1))).to.deep.equal({ state: "unknown", sinceMs: START_MS });
    expect(registry.report(sfuOf(1))).to.equal(null);
    expect(registry.isDraining(sfuOf(1))).to.equal(false);
    expect(registry.all()).to.deep.equal([]);
  });

  it("takes any text for an address", () => {
    for (const name of ["__proto__", "constructor", ""]) expect(registry.get(name)).to.equal(null);
  });

  it("hands out a list that does not change under who reads it", () => {
    registry.put(sfuOf(1));
    const before = registry.all();
    registry.put(sfuOf(2));
    registry.put(sfuOf(1, { weight: 5 }));
    registry.remove(address, "static");
    expect(before).to.have.length(1);
    expect(before[0]).to.include({ weight: 1 });
  });

  it("has made a change before it tells of it", () => {
    const events = new Events();
    const own = createRegistry(clock, events);
    const seen: unknown[] = [];
    events.on("sfuAdded", ({ sfu }) => seen.push(own.get(sfu.address), own.all().length));
    events.on("sfuChanged", ({ to }) => seen.push(own.get(to.address), own.all()[0]));
    events.on("sfuRemoved", ({ sfu }) => seen.push(own.get(sfu.address), own.all().length));
    own.put(fromList);
    own.put(fromStatic);
    own.remove(address, "static");
    own.remove(address, "external");
    expect(seen).to.deep.equal([fromList, 1, fromStatic, fromStatic, fromList, fromList, null, 0]);
  });

  describe("with a new entry of the same source", () => {
    it("puts it in the place of the other, and says so", () => {
      const [before, after] = [sfuOf(1), sfuOf(1, { weight: 5 })];
      registry.put(before);
      registry.put(sfuOf(2));
      registry.put(after);
      expect(registry.all().map(({ weight }) => weight)).to.deep.equal([5, 1]);
      expect(registry.get(address)).to.equal(after);
      expect(changes).to.deep.equal([{ from: before, to: after }]);
    });

    it("changes nothing where it is the same object again", () => {
      registry.put(fromItself);
      told = [];
      const before = registry.all();
      for (let time = 0; time < 5; time++) registry.put(fromItself);
      expect(told).to.deep.equal([]);
      expect(registry.all()).to.equal(before);
    });

    it("keeps the health, the report and the drain", () => {
      const report = reportOf(7);
      registry.put(sfuOf(1));
      registry.setHealth(sfuOf(1), healthy);
      registry.setReport(sfuOf(1), report);
      registry.setDraining(sfuOf(1), true);
      const after = sfuOf(1, { region: "eu", key: parseKey(OTHER_KEY) });
      registry.put(after);
      expect(registry.health(after)).to.equal(healthy);
      expect(registry.report(after)).to.equal(report);
      expect(registry.isDraining(after)).to.equal(true);
    });

    it("forgets that it was misconfigured where the key is another", async () => {
      registry.put(sfuOf(1));
      registry.setHealth(sfuOf(1), misconfigured);
      told = [];
      await clock.elapse(5000);
      const after = sfuOf(1, { key: parseKey(OTHER_KEY) });
      registry.put(after);
      expect(registry.health(after)).to.deep.equal({ state: "unknown", sinceMs: START_MS + 5000 });
      expect(told).to.deep.equal([`${address} changed: static → static`, `${address}: misconfigured → unknown`]);
    });

    it("does not forget it where only something else is", () => {
      registry.put(sfuOf(1));
      registry.setHealth(sfuOf(1), misconfigured);
      registry.put(sfuOf(1, { region: "eu", weight: 3, maxSessions: 5, publicUrl: "https://sfu.test" }));
      expect(registry.health(sfuOf(1))).to.equal(misconfigured);
    });

    it("does not forget that it was down, whatever its key", () => {
      registry.put(sfuOf(1));
      registry.setHealth(sfuOf(1), down);
      registry.put(sfuOf(1, { key: parseKey(OTHER_KEY) }));
      expect(registry.health(sfuOf(1))).to.equal(down);
    });
  });

  describe("with several sources for one address", () => {
    const orders = [
      [fromStatic, fromList, fromItself],
      [fromItself, fromList, fromStatic],
      [fromList, fromItself, fromStatic],
    ];
    for (const order of orders) {
      it(`believes the configuration first, then the list: ${order.map(({ source }) => source).join(", ")}`, () => {
        for (const sfu of order) registry.put(sfu);
        expect(registry.all()).to.deep.equal([fromStatic]);
        registry.remove(address, "static");
        expect(registry.get(address)).to.equal(fromList);
        registry.remove(address, "external");
        expect(registry.get(address)).to.equal(fromItself);
        registry.remove(address, "heartbeat");
        expect(registry.get(address)).to.equal(null);
      });
    }

    it("tells who is in force now, and that it left with the last of them", () => {
      registry.put(fromItself);
      registry.put(fromStatic);
      registry.remove(address, "static");
      registry.remove(address, "heartbeat");
      expect(told).to.deep.equal([
        `${address} came`,
        `${address} changed: heartbeat → static`,
        `${address} changed: static → heartbeat`,
        `${address} left`,
      ]);
    });

    it("tells nothing of what is not in force", () => {
      registry.put(fromStatic);
      told = [];
      registry.put(fromList);
      registry.put({ ...fromList, region: "elsewhere" });
      registry.put(fromItself);
      registry.remove(address, "external");
      registry.remove(address, "heartbeat");
      expect(told).to.deep.equal([]);
      expect(registry.all()).to.deep.equal([fromStatic]);
    });

    it("falls back to the latest word of the next one", () => {
      registry.put(fromStatic);
      registry.put(fromItself);
      const later = { ...fromItself, region: "moved" };
      registry.put(later);
      registry.remove(address, "static");
      expect(registry.get(address)).to.equal(later);
    });

    it("does not fall back to what its source has taken back", () => {
      registry.put(fromStatic);
      registry.put(fromItself);
      registry.remove(address, "heartbeat");
      registry.remove(address, "static");
      expect(registry.get(address)).to.equal(null);
    });

    it("keeps health, report and drain from one to the next, and the place in the list", () => {
      const report = reportOf(7);
      registry.put(fromItself);
      registry.put(sfuOf(2));
      registry.setHealth(fromItself, down);
      registry.setReport(fromItself, report);
      registry.setDraining(fromItself, true);
      registry.put(fromStatic);
      registry.remove(address, "heartbeat");
      expect(registry.all().map((sfu) => sfu.address)).to.deep.equal([address, sfuOf(2).address]);
      expect(registry.health(fromStatic)).to.equal(down);
      expect(registry.report(fromStatic)).to.equal(report);
      expect(registry.isDraining(fromStatic)).to.equal(true);
    });

    it("forgets that it was misconfigured where the one in force now has another key", () => {
      registry.put(fromItself);
      registry.setHealth(fromItself, misconfigured);
      registry.put(fromStatic);
      expect(registry.health(fromStatic)).to.equal(misconfigured);
      registry.put(sfuOf(1, { key: parseKey(OTHER_KEY) }));
      expect(registry.health(fromStatic).state).to.equal("unknown");
      registry.setHealth(fromStatic, misconfigured);
      registry.remove(address, "static");
      expect(registry.health(fromItself).state).to.equal("unknown");
    });

    it("does not let a heartbeat give a new key to an SFU of the configuration", () => {
      registry.put(fromStatic);
      registry.setHealth(fromStatic, misconfigured);
      registry.put({ ...fromItself, key: parseKey(OTHER_KEY) });
      expect(registry.get(address)).to.equal(fromStatic);
      expect(registry.health(fromStatic)).to.equal(misconfigured);
    });
  });

  describe("when an SFU leaves", () => {
    it("tells nothing where it does not know it, or not from that source", () => {
      registry.put(fromStatic);
      told = [];
      registry.remove("http://nobody.test", "static");
      registry.remove(address, "external");
      registry.remove(address, "heartbeat");
      expect(told).to.deep.equal([]);
      expect(registry.all()).to.deep.equal([fromStatic]);
    });

    it("tells it once", () => {
      registry.put(fromStatic);
      registry.remove(address, "static");
      registry.remove(address, "static");
      expect(told).to.deep.equal([`${address} came`, `${address} left`]);
    });

    it("forgets everything of it", () => {
      registry.put(sfuOf(1));
      registry.setHealth(sfuOf(1), healthy);
      registry.setReport(sfuOf(1), reportOf(7));
      registry.setDraining(sfuOf(1), true);
      registry.remove(address, "static");
      registry.put(sfuOf(1));
      expect(registry.health(sfuOf(1)).state).to.equal("unknown");
      expect(registry.report(sfuOf(1))).to.equal(null);
      expect(registry.isDraining(sfuOf(1))).to.equal(false);
    });

    it("does not let an answer that comes in afterwards bring it back", () => {
      registry.setHealth(sfuOf(1), healthy);
      registry.setReport(sfuOf(1), reportOf(7));
      registry.setDraining(sfuOf(1), true);
      expect(registry.all()).to.deep.equal([]);
      expect(told).to.deep.equal([]);
    });
  });

  describe("on health", () => {
    it("tells of a change, and not of another reason for the same", () => {
      const sfu = sfuOf(1);
      registry.put(sfu);
      told = [];
      registry.setHealth(sfu, healthy);
      registry.setHealth(sfu, down);
      registry.setHealth(sfu, { ...down, reason: "closed the connection" });
      expect(told).to.deep.equal([`${address}: unknown → healthy`, `${address}: healthy → down`]);
      expect(registry.health(sfu)).to.include({ reason: "closed the connection" });
    });

    it("is told with the entry that is in force, whichever somebody still holds", () => {
      const events = new Events();
      const own = createRegistry(clock, events);
      const sfus: unknown[] = [];
      for (const name of ["health", "report", "drain"] as const) events.on(name, ({ sfu }) => sfus.push(sfu));
      own.put(fromItself);
      own.put(fromStatic);
      own.setHealth(fromItself, healthy);
      own.setReport(fromItself, reportOf(7));
      own.setDraining(fromItself, true);
      for (const sfu of sfus) expect(sfu).to.equal(fromStatic);
      expect(sfus).to.have.length(3);
    });
  });

  describe("on reports", () => {
    it("holds the latest, and tells of each", () => {
      registry.put(sfuOf(1));
      told = [];
      registry.setReport(sfuOf(1), reportOf(7, 1));
      registry.setReport(sfuOf(1), reportOf(7, 2));
      expect(told).to.deep.equal([`${address} has 7 sessions`, `${address} has 7 sessions`]);
      expect(registry.report(sfuOf(1))).to.deep.equal(reportOf(7, 2));
    });

    it("does not take one that was overtaken by a younger", () => {
      registry.put(sfuOf(1));
      registry.setReport(sfuOf(1), reportOf(7, 2));
      told = [];
      registry.setReport(sfuOf(1), reportOf(5, 1));
      expect(registry.report(sfuOf(1))).to.deep.equal(reportOf(7, 2));
      expect(told).to.deep.equal([]);
    });

    it("keeps one however old it becomes", async () => {
      registry.put(sfuOf(1));
      registry.setReport(sfuOf(1), reportOf(7));
      await clock.elapse(86_400_000);
      expect(registry.report(sfuOf(1))).to.deep.equal(reportOf(7));
    });
  });

  describe("on drains", () => {
    it("tells of each change once", () => {
      registry.put(sfuOf(1));
      told = [];
      for (const isDraining of [false, true, true, false, false]) registry.setDraining(sfuOf(1), isDraining);
      expect(told).to.deep.equal([`${address} drained`, `${address} undrained`]);
      expect(registry.isDraining(sfuOf(1))).to.equal(false);
    });

    it("knows one from another", () => {
      registry.put(sfuOf(1));
      registry.put(sfuOf(2));
      registry.setDraining(sfuOf(2), true);
      expect([registry.isDraining(sfuOf(1)), registry.isDraining(sfuOf(2))]).to.deep.equal([false, true]);
    });
  });
});
