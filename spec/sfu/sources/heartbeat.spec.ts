import { expect } from "chai";
import { parseKey } from "../../../lib/auth/keys.ts";
import type { Clock } from "../../../lib/clock.ts";
import { GatewayError } from "../../../lib/errors.ts";
import { Events } from "../../../lib/events.ts";
import type { Heartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { createRegistry, type Registry } from "../../../lib/sfu/registry.ts";
import type { Health, Sfu } from "../../../lib/sfu/sfu.ts";
import { createHeartbeats, type Heartbeats, MAX_REGISTERED } from "../../../lib/sfu/sources/heartbeat.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { configurationOf } from "../../support/gateway.ts";
import { sfuKey } from "../../support/tokens.ts";

const TTL_MS = 30_000;
const ADDRESS = "http://sfu1.test";

type Up = Extract<Heartbeat, { status: "up" }>;

function up(parts: Partial<Up> = {}): Up {
  return {
    status: "up",
    address: ADDRESS,
    region: "eu",
    key: parseKey(sfuKey(1)),
    channels: 2,
    sessions: 7,
    cpuUsage: 0.25,
    memoryUsage: 0.5,
    maxSessions: null,
    ...parts,
  };
}

describe("SFUs that register themselves", () => {
  const clock = useFakeClock();
  let events: Events;
  let registry: Registry;
  let heartbeats: Heartbeats;
  let told: string[];
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    told = [];
    events.on("sfuAdded", ({ sfu }) => told.push(`${sfu.address} came`));
    events.on("sfuChanged", ({ to }) => told.push(`${to.address} changed`));
    events.on("sfuRemoved", ({ sfu }) => told.push(`${sfu.address} left`));
    events.on("health", ({ to }) => told.push(to.state));
    open(clock);
  });
  afterEach(() => heartbeats.close());

  const open = (by: Clock): void => {
    heartbeats = createHeartbeats({ clock: by, events, registry, settings: { ttlMs: TTL_MS, maxSessions: 1000 } });
  };
  const take = (parts: Partial<Up> = {}): void => void heartbeats.take(up(parts));
  const signOff = (address = ADDRESS): void => void heartbeats.take({ status: "down", address });
  const sfu = (address = ADDRESS): Sfu => registry.get(address)!;
  const state = (address = ADDRESS): Health["state"] => registry.health(sfu(address)).state;

  describe("come", () => {
    it("with the first heartbeat, and with its report", () => {
      expect(heartbeats.take(up())).to.deep.equal({ ttlMs: TTL_MS, draining: false });
      const { key, ...rest } = sfu();
      expect(key.equals(parseKey(sfuKey(1)))).to.be.true;
      expect(rest).to.deep.equal({
        address: ADDRESS,
        region: "eu",
        source: "heartbeat",
        publicUrl: null,
        weight: 1,
        maxSessions: 1000,
        statsToken: null,
      });
      expect(state()).to.equal("unknown");
      const report = { sessions: 7, channels: 2, cpu: 0.25, memory: 0.5, atMs: clock.monotonic() };
      expect(registry.report(sfu())).to.deep.equal(report);
      expect(told).to.deep.equal([`${ADDRESS} came`]);
    });

    it("and stay the same while they say the same of themselves", async () => {
      take();
      const first = sfu();
      await clock.elapse(10_000);
      take({ sessions: 8 });
      expect(sfu()).to.equal(first);
      expect(registry.report(first)).to.include({ sessions: 8, atMs: clock.monotonic() });
      expect(told).to.deep.equal([`${ADDRESS} came`]);
    });

    const changes: Readonly<Record<string, Partial<Up>>> = {
      key: { key: parseKey(sfuKey(2)) },
      region: { region: "us" },
      maxSessions: { maxSessions: 50 },
    };
    for (const [what, parts] of Object.entries(changes)) {
      it(`and may change their ${what}`, () => {
        take();
        take(parts);
        expect(sfu()).to.include(parts);
        expect(told).to.deep.equal([`${ADDRESS} came`, `${ADDRESS} changed`]);
      });
    }

    it("and hold as many sessions as any where they do not say it any more", () => {
      take({ maxSessions: 50 });
      take();
      expect(sfu()).to.have.property("maxSessions", 1000);
    });

    it("and learn that they are drained", () => {
      take();
      registry.setDraining(sfu(), true);
      expect(heartbeats.take(up())).to.have.property("draining", true);
    });

    it("until the fleet is full: then only those who are there may go on", () => {
      for (let n = 0; n < MAX_REGISTERED; n++) take({ address: `http://sfu${String(n)}.test` });
      expect(() => heartbeats.take(up({ address: "http://late.test" })))
        .to.throw(GatewayError)
        .that.includes({ code: "fleet_full", status: 403 });
      expect(registry.get("http://late.test")).to.equal(null);
      expect(heartbeats.isFresh("http://late.test")).to.be.false;
      take({ sessions: 8 });
      signOff();
      take({ address: "http://late.test" });
      expect(registry.all()).to.have.length(MAX_REGISTERED);
    });
  });

  for (const source of ["static", "external"] as const) {
    describe(`that are in the ${source} list`, () => {
      let listed: Sfu;
      beforeEach(() => {
        listed = sfuOf(1, { address: ADDRESS, source, region: "us", maxSessions: 20 });
        registry.put(listed);
        registry.setHealth(listed, { state: "healthy", sinceMs: 0 });
        told.length = 0;
      });

      it("only report their load", () => {
        take({ key: parseKey(sfuKey(2)), region: "eu", maxSessions: 5 });
        expect(sfu()).to.equal(listed);
        expect(registry.report(listed)).to.include({ sessions: 7, cpu: 0.25 });
        expect(heartbeats.isFresh(ADDRESS)).to.be.true;
        registry.remove(ADDRESS, source);
        expect(registry.get(ADDRESS)).to.equal(null);
      });

      it("do not expire", async () => {
        take();
        await clock.elapse(11 * TTL_MS);
        expect(sfu()).to.equal(listed);
        expect(state()).to.equal("healthy");
        expect(heartbeats.isFresh(ADDRESS)).to.be.false;
      });

      it("are down once they have signed off, and come back by a probe", () => {
        take();
        signOff();
        expect(registry.health(listed)).to.deep.equal({ state: "down", sinceMs: clock.now(), reason: "signed off" });
        expect(heartbeats.isFresh(ADDRESS)).to.be.false;
        take();
        expect(state()).to.equal("down");
      });

      it("stay misconfigured where they sign off so: another probe would not see that", () => {
        registry.setHealth(listed, { state: "misconfigured", sinceMs: 0, reason: "refuses" });
        signOff();
        expect(state()).to.equal("misconfigured");
      });

      it("register with the next heartbeat once they are not listed any more", () => {
        take();
        registry.remove(ADDRESS, source);
        take();
        expect(sfu()).to.include({ source: "heartbeat", region: "eu" });
      });
    });
  }

  describe("and are listed later", () => {
    const listed = sfuOf(1, { address: ADDRESS, source: "external", region: "us" });

    it("are what the list says", () => {
      take();
      registry.put(listed);
      take({ region: "asia" });
      expect(sfu()).to.equal(listed);
    });

    it("do not stay expired", async () => {
      take();
      await clock.elapse(TTL_MS);
      expect(state()).to.equal("expired");
      registry.put(listed);
      expect(state()).to.equal("unknown");
    });

    it("are down, and registered no more, once they sign off", () => {
      take();
      registry.put(listed);
      signOff();
      expect(state()).to.equal("down");
      registry.remove(ADDRESS, "external");
      expect(registry.get(ADDRESS)).to.equal(null);
    });
  });

  describe("leave", () => {
    it("at once where they sign off", () => {
      take();
      expect(heartbeats.take({ status: "down", address: ADDRESS })).to.deep.equal({ ttlMs: TTL_MS, draining: false });
      expect(registry.get(ADDRESS)).to.equal(null);
      expect(heartbeats.isFresh(ADDRESS)).to.be.false;
      expect(told).to.deep.equal([`${ADDRESS} came`, `${ADDRESS} left`]);
    });

    it("without a trace where nobody knew them", () => {
      expect(heartbeats.take({ status: "down", address: "http://nobody.test" })).to.have.property("ttlMs");
      expect(told).to.deep.equal([]);
    });

    it("where they may not be here any more, and nobody else does", async () => {
      const [other, third] = ["http://other.test", "http://third.test"];
      take();
      take({ address: other });
      take({ address: third });
      await heartbeats.recheck((address) => (address === other ? Promise.reject(new Error("no")) : Promise.resolve()));
      expect(registry.all().map(({ address }) => address)).to.deep.equal([ADDRESS, third]);
    });

    it("and may come back as new ones", () => {
      take();
      registry.setHealth(sfu(), { state: "healthy", sinceMs: 0 });
      signOff();
      take();
      expect(state()).to.equal("unknown");
    });
  });

  it("that have signed off are remembered so far as there is room, whoever signs off", () => {
    const late = up({ address: "http://first.test" });
    signOff("http://first.test");
    heartbeats.hear(late, clock.monotonic());
    expect(registry.get("http://first.test")).to.equal(null);
    for (let n = 0; n < MAX_REGISTERED; n++) signOff(`http://sfu${String(n)}.test`);
    heartbeats.hear(late, clock.monotonic());
    expect(registry.get("http://first.test")).not.to.equal(null);
    heartbeats.hear(up({ address: "http://sfu0.test" }), clock.monotonic());
    expect(registry.get("http://sfu0.test")).to.equal(null);
  });

  describe("that fall silent", () => {
    it("expire after the TTL, and say why", async () => {
      take();
      await clock.elapse(TTL_MS - 1);
      expect(state()).to.equal("unknown");
      expect(heartbeats.isFresh(ADDRESS)).to.be.true;
      await clock.elapse(1);
      expect(registry.health(sfu())).to.deep.equal({
        state: "expired",
        sinceMs: clock.now(),
        reason: "has sent no heartbeat for 30 s",
      });
      expect(heartbeats.isFresh(ADDRESS)).to.be.false;
    });

    it("do not expire while they are heard of", async () => {
      for (let round = 0; round < 10; round++) {
        take();
        await clock.elapse(TTL_MS - 1);
      }
      expect(told).to.deep.equal([`${ADDRESS} came`]);
    });

    it("are as good as new with the next heartbeat", async () => {
      take();
      await clock.elapse(TTL_MS);
      const expired = sfu();
      take();
      expect(sfu()).to.equal(expired);
      expect(registry.health(expired)).to.deep.equal({ state: "unknown", sinceMs: clock.now() });
    });

    it("stay expired, whatever a late call shows", async () => {
      take();
      await clock.elapse(TTL_MS);
      registry.setHealth(sfu(), { state: "healthy", sinceMs: 0 });
      await clock.elapse(1000);
      expect(state()).to.equal("expired");
    });

    it("are forgotten after ten TTLs", async () => {
      take();
      await clock.elapse(10 * TTL_MS - 1);
      expect(state()).to.equal("expired");
      await clock.elapse(1);
      expect(registry.get(ADDRESS)).to.equal(null);
      expect(told).to.deep.equal([`${ADDRESS} came`, "expired", `${ADDRESS} left`]);
    });

    it("expire each at its own time", async () => {
      take({ address: "http://a.test" });
      await clock.elapse(10_000);
      take({ address: "http://b.test" });
      await clock.elapse(10_000);
      take({ address: "http://a.test" });
      await clock.elapse(20_000);
      expect([state("http://a.test"), state("http://b.test")]).to.deep.equal(["unknown", "expired"]);
    });

    it("all leave, however many they are", async () => {
      for (let n = 0; n < 1000; n++) take({ address: `http://sfu${String(n)}.test` });
      await clock.elapse(10 * TTL_MS + 60_000);
      expect(registry.all()).to.deep.equal([]);
    });

    it("keep their health where another one has changed it, but for expiry", () => {
      take();
      for (const next of ["failing", "down", "misconfigured"] as const) {
        registry.setHealth(sfu(), { state: next, sinceMs: 0, reason: "whatever" });
        take();
        expect(state()).to.equal(next);
      }
    });

    it("stay as they are once the gateway closes, and cost no timer", async () => {
      take();
      heartbeats.close();
      await clock.elapse(2 * TTL_MS);
      expect(state()).to.equal("unknown");
      expect(clock.timers()).to.equal(0);
    });
  });

  describe("after a reload", () => {
    const { config } = configurationOf({ sfus: [] });
    const reconfigure = ({ ttlMs = TTL_MS, maxSessions = 1000 }): void => {
      const [registration, balancing] = [
        { ttlMs, allow: null },
        { ...config.balancing, maxSessions },
      ];
      events.emit("reconfigured", { from: config, to: { ...config, registration, balancing } });
    };

    it("are told the TTL that there is now", () => {
      reconfigure({ ttlMs: 5000 });
      expect(heartbeats.take(up())).to.include({ ttlMs: 5000 });
    });

    it("expire by a TTL that has become shorter, a second late at most", async () => {
      take();
      await clock.elapse(4000);
      reconfigure({ ttlMs: 5000 });
      expect(state(), "nobody expires by the reload itself").to.equal("unknown");
      await clock.elapse(900);
      expect(state()).to.equal("unknown");
      await clock.elapse(1200);
      expect(registry.health(sfu())).to.include({ state: "expired", reason: "has sent no heartbeat for 5 s" });
      expect(heartbeats.isFresh(ADDRESS)).to.be.false;
    });

    it("live on by a TTL that has become longer", async () => {
      take();
      await clock.elapse(TTL_MS - 1000);
      reconfigure({ ttlMs: 2 * TTL_MS });
      await clock.elapse(TTL_MS);
      expect(state()).to.equal("unknown");
      expect(heartbeats.isFresh(ADDRESS)).to.be.true;
      await clock.elapse(2000);
      expect(state()).to.equal("expired");
    });

    it("stay expired by a longer TTL, until the next heartbeat", async () => {
      take();
      await clock.elapse(TTL_MS + 1000);
      reconfigure({ ttlMs: 10 * TTL_MS });
      await clock.elapse(1000);
      expect(state()).to.equal("expired");
      take();
      expect(state()).to.equal("unknown");
    });

    it("hold as many sessions as any does now, from their next heartbeat on", () => {
      take();
      take({ address: "http://sfu2.test", maxSessions: 50 });
      reconfigure({ maxSessions: 700 });
      expect(sfu().maxSessions).to.equal(1000);
      take();
      take({ address: "http://sfu2.test", maxSessions: 50 });
      expect(sfu().maxSessions).to.equal(700);
      expect(sfu("http://sfu2.test").maxSessions).to.equal(50);
    });
  });

  describe("while the gateway is stopped", () => {
    let nowMs: number;
    let sweep: () => void;
    /** As a process finds it that was stopped: one tick, however late. */
    const tick = (ms: number): void => {
      nowMs += ms;
      sweep();
    };
    beforeEach(() => {
      nowMs = 1000;
      heartbeats.close();
      open({
        ...clock,
        monotonic: () => nowMs,
        every(_, run) {
          sweep = run;
          return () => undefined;
        },
      });
    });

    it("do not expire, and have the time that they had left", () => {
      take();
      for (let second = 0; second < 20; second++) tick(1000);
      tick(10 * 60_000);
      expect(state()).to.equal("unknown");
      for (let second = 0; second < 8; second++) tick(1000);
      expect(state()).to.equal("unknown");
      for (let second = 0; second < 2; second++) tick(1000);
      expect(state()).to.equal("expired");
    });

    it("win nothing where they are heard of before the first sweep", () => {
      nowMs += 10 * 60_000;
      take();
      sweep();
      for (let second = 0; second < 30; second++) tick(1000);
      expect(state()).to.equal("expired");
    });

    it("expire all the same where sweeps are only a little late", () => {
      take();
      for (let round = 0; round < 20; round++) tick(1900);
      expect(state()).to.equal("expired");
    });
  });
});
