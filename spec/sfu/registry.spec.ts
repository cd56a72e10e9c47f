import { expect } from "chai";
import { type EventMap, Events } from "../../lib/events.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { type Health, isAvailable } from "../../lib/sfu/sfu.ts";
import { sfuOf } from "../support/fleet.ts";

describe("the registry", () => {
  const healthy: Health = { state: "healthy", sinceMs: 1 };
  let registry: Registry;
  let told: string[];
  let changes: EventMap["health"][];
  beforeEach(() => {
    const events = new Events();
    told = [];
    changes = [];
    events.on("sfuAdded", ({ sfu }) => told.push(`${sfu.address} came`));
    events.on("sfuRemoved", ({ sfu }) => told.push(`${sfu.address} left`));
    events.on("health", (change) => changes.push(change));
    registry = createRegistry(events);
  });

  it("holds SFUs in the order in which they came", () => {
    const [a, b] = [sfuOf(1), sfuOf(2)];
    registry.add(a);
    registry.add(b);
    expect(registry.all()).to.deep.equal([a, b]);
    expect(registry.get(b.address)).to.equal(b);
    expect(told).to.deep.equal([`${a.address} came`, `${b.address} came`]);
  });

  it("knows nothing of an SFU that nobody has told it of", () => {
    expect(registry.get("http://nobody.test")).to.equal(null);
    expect(registry.health(sfuOf(1))).to.deep.equal({ state: "unknown" });
    expect(registry.all()).to.deep.equal([]);
  });

  it("tells nothing where an SFU leaves that it does not know", () => {
    registry.remove("http://nobody.test");
    expect(told).to.deep.equal([]);
  });

  it("replaces an SFU of the same address, in its place and with its health", () => {
    registry.add(sfuOf(1));
    registry.add(sfuOf(2));
    registry.setHealth(sfuOf(1), healthy);
    const successor = sfuOf(1, { weight: 5 });
    registry.add(successor);
    expect(registry.all().map(({ weight }) => weight)).to.deep.equal([5, 1]);
    expect(registry.health(successor)).to.equal(healthy);
  });

  it("forgets the health of an SFU that left", () => {
    registry.add(sfuOf(1));
    registry.setHealth(sfuOf(1), healthy);
    registry.remove(sfuOf(1).address);
    registry.add(sfuOf(1));
    expect(registry.health(sfuOf(1))).to.deep.equal({ state: "unknown" });
  });

  it("does not let the health of an SFU that left bring it back", () => {
    registry.setHealth(sfuOf(1), healthy);
    expect(registry.all()).to.deep.equal([]);
    expect(changes).to.deep.equal([]);
  });

  it("tells of a change of health, and not of another reason for the same one", () => {
    const sfu = sfuOf(1);
    registry.add(sfu);
    const failing: Health = { state: "failing", sinceMs: 2, reason: "refused the connection" };
    registry.setHealth(sfu, healthy);
    registry.setHealth(sfu, failing);
    registry.setHealth(sfu, { ...failing, reason: "closed the connection" });
    expect(changes.map(({ from, to }) => `${from.state} → ${to.state}`)).to.deep.equal([
      "unknown → healthy",
      "healthy → failing",
    ]);
    expect(registry.health(sfu)).to.include({ reason: "closed the connection" });
  });

  it("hands out a list that does not change under who reads it", () => {
    registry.add(sfuOf(1));
    const before = registry.all();
    registry.add(sfuOf(2));
    registry.remove(sfuOf(1).address);
    expect(before).to.have.length(1);
  });
});

describe("whether an SFU may be asked", () => {
  const reason = "whatever";
  const cases: readonly (readonly [Health, boolean, boolean])[] = [
    [{ state: "unknown" }, true, true],
    [{ state: "healthy", sinceMs: 0 }, true, true],
    [{ state: "failing", sinceMs: 0, reason }, true, true],
    [{ state: "misconfigured", sinceMs: 0, reason }, true, false],
    [{ state: "healthy", sinceMs: 0 }, false, false],
    [{ state: "misconfigured", sinceMs: 0, reason }, false, false],
  ];
  for (const [health, admits, expected] of cases) {
    it(`is ${expected ? "yes" : "no"} where it is ${health.state} and its breaker ${admits ? "admits" : "does not"}`, () => {
      expect(isAvailable(health, { admits })).to.equal(expected);
    });
  }
});
