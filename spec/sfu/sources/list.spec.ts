import { expect } from "chai";
import { parseKey } from "../../../lib/auth/keys.ts";
import { Secret } from "../../../lib/auth/secret.ts";
import { systemClock } from "../../../lib/clock.ts";
import { Events } from "../../../lib/events.ts";
import { createRegistry, type Registry } from "../../../lib/sfu/registry.ts";
import type { Sfu } from "../../../lib/sfu/sfu.ts";
import { createSourceList, type SourceList } from "../../../lib/sfu/sources/list.ts";
import { sfuOf } from "../../support/fleet.ts";
import { sfuKey } from "../../support/tokens.ts";

describe("the list of one source", () => {
  let registry: Registry;
  let list: SourceList;
  let moves: string[];
  beforeEach(() => {
    const events = new Events();
    moves = [];
    events.on("sfuAdded", ({ sfu }) => moves.push(`${sfu.address} came`));
    events.on("sfuChanged", ({ to }) => moves.push(`${to.address} changed`));
    events.on("sfuRemoved", ({ sfu }) => moves.push(`${sfu.address} left`));
    registry = createRegistry(systemClock, events);
    list = createSourceList(registry, "static");
  });
  const one = (number: number): Sfu => registry.get(`http://sfu${String(number)}.test`)!;

  it("is empty at first, and then what was taken", () => {
    expect(list.size).to.equal(0);
    expect(list.take([])).to.be.false;
    expect(list.take([sfuOf(1), sfuOf(2)])).to.be.true;
    expect(list.size).to.equal(2);
    expect(registry.all()).to.have.length(2);
  });

  it("changes nothing where it is the same, in whatever order, and keeps the very objects", () => {
    const token = { statsToken: new Secret("a token") };
    list.take([sfuOf(1, token), sfuOf(2)]);
    const before = registry.all();
    moves = [];
    expect(list.take([sfuOf(2), sfuOf(1, { statsToken: new Secret("a token") })])).to.be.false;
    expect(moves).to.deep.equal([]);
    expect(registry.all()).to.have.length(2);
    expect(registry.all().every((sfu, index) => sfu === before[index])).to.be.true;
  });

  it("brings who is new, replaces who has changed, and lets go who is missing, each once", () => {
    list.take([sfuOf(1), sfuOf(2), sfuOf(3)]);
    const stayed = one(2);
    moves = [];
    expect(list.take([sfuOf(2), sfuOf(3, { weight: 2 }), sfuOf(4)])).to.be.true;
    expect(moves).to.deep.equal(["http://sfu3.test changed", "http://sfu4.test came", "http://sfu1.test left"]);
    expect(one(2)).to.equal(stayed);
    expect(list.size).to.equal(3);
  });

  const changes: Readonly<Record<string, Partial<Sfu>>> = {
    key: { key: parseKey(sfuKey(9)) },
    region: { region: "eu" },
    publicUrl: { publicUrl: "https://sfu.example.com" },
    weight: { weight: 2 },
    maxSessions: { maxSessions: 2 },
    statsToken: { statsToken: new Secret("a token") },
  };
  for (const [what, parts] of Object.entries(changes)) {
    it(`sees another ${what}, and that it is gone again`, () => {
      list.take([sfuOf(1)]);
      expect(list.take([sfuOf(1, parts)])).to.be.true;
      expect(one(1)).to.include(parts);
      expect(list.take([sfuOf(1)])).to.be.true;
      expect(moves.slice(1)).to.deep.equal(["http://sfu1.test changed", "http://sfu1.test changed"]);
    });
  }
  it("sees whatever else an SFU may have", () => {
    expect([...Object.keys(changes), "address", "source"]).to.have.members(Object.keys(sfuOf(1)));
  });

  it("lets go of its own only: what another source has of them takes over", () => {
    registry.put(sfuOf(1, { source: "heartbeat" }));
    list.take([sfuOf(1)]);
    expect(one(1).source).to.equal("static");
    list.take([]);
    expect(one(1).source).to.equal("heartbeat");
    expect(moves.at(-1)).to.equal("http://sfu1.test changed");
  });

  it("does not take for its own what another source has put there", () => {
    registry.put(sfuOf(1, { source: "heartbeat" }));
    expect(list.take([])).to.be.false;
    expect(one(1).source).to.equal("heartbeat");
  });
});
