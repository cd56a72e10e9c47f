import { expect } from "chai";
import { parseKey } from "../../../lib/auth/keys.ts";
import { GatewayError } from "../../../lib/errors.ts";
import { FORGOTTEN_AFTER } from "../../../lib/sfu/sources/heartbeat.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { sfuKey } from "../../support/tokens.ts";
import { type Instance, TTL_MS, useInstances } from "./instances.ts";
import { createRoom, type Room, type RoomStore } from "./room.ts";

const ADDRESS = "http://sfu1.test";
const BEAT_MS = 10_000;

const up = (parts: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  status: "up",
  address: ADDRESS,
  region: "EU",
  key: sfuKey(1),
  channels: 2,
  sessions: 7,
  cpuUsage: 0.25,
  memoryUsage: 0.5,
  ...parts,
});
const down = { status: "down", address: ADDRESS };

describe("heartbeats that several gateways share", () => {
  const clock = useFakeClock();
  let room: Room;
  const start = useInstances(clock, () => room);
  beforeEach(() => {
    room = createRoom(clock);
  });
  const startTwo = async (): Promise<[Instance, Instance]> => (await start(2)) as [Instance, Instance];

  const isHere = ({ registry }: Instance): boolean => registry.get(ADDRESS) !== null;
  const state = ({ registry, state: stateOf }: Instance): string => {
    const sfu = registry.get(ADDRESS);
    return sfu === null ? "gone" : stateOf(sfu);
  };
  const sessions = ({ registry }: Instance): number | undefined => registry.report(registry.get(ADDRESS)!)?.sessions;
  /** Heard where `at` is, at each beat. */
  const beatFor = async (at: () => Instance, ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += BEAT_MS) {
      at().heartbeat(up());
      await clock.elapse(BEAT_MS);
    }
  };
  const heard = async (): Promise<void> => clock.elapse(0);
  /** As it comes from a gateway that is not a proper one. */
  const post = (store: RoomStore, text: string, name = ADDRESS): Promise<boolean> =>
    store.board.post("registrations", name, text, TTL_MS);

  it("make an SFU known to all at once, with its key and its report", async () => {
    const [one, ...others] = await start(4);
    one!.heartbeat(up({ maxSessions: 80 }));
    await heard();
    for (const { registry } of others) {
      const sfu = registry.get(ADDRESS)!;
      expect(sfu).to.include({ source: "heartbeat", region: "eu", maxSessions: 80 });
      expect(sfu.key.equals(parseKey(sfuKey(1)))).to.be.true;
      const atMs = clock.monotonic();
      expect(registry.report(sfu)).to.deep.equal({ sessions: 7, channels: 2, cpu: 0.25, memory: 0.5, atMs });
    }
  });

  it("are counted where they came in, and nowhere else", async () => {
    const [one, other] = await startTwo();
    one.heartbeat(up());
    await heard();
    expect(isHere(other)).to.be.true;
    expect([...one.refused, ...other.refused]).to.deep.equal([]);
  });

  it("keep an SFU up everywhere, whoever hears of it", async () => {
    const instances = await start(3);
    let turn = 0;
    await beatFor(() => instances[turn++ % 3]!, 5 * TTL_MS);
    expect(instances.map(state)).to.deep.equal(["healthy", "healthy", "healthy"]);
    for (const instance of instances) expect(instance.heartbeats.isFresh(ADDRESS)).to.be.true;
  });

  it("let it expire everywhere at the same time, once nobody hears of it", async () => {
    const instances = await start(3);
    instances[0]!.heartbeat(up());
    await clock.elapse(TTL_MS - 1);
    expect(instances.map(({ heartbeats }) => heartbeats.isFresh(ADDRESS))).to.deep.equal([true, true, true]);
    await clock.elapse(1000);
    expect(instances.map(state)).to.deep.equal(["expired", "expired", "expired"]);
    expect(instances.map(({ heartbeats }) => heartbeats.isFresh(ADDRESS))).to.deep.equal([false, false, false]);
    await clock.elapse(FORGOTTEN_AFTER * TTL_MS);
    expect(instances.map(state)).to.deep.equal(["gone", "gone", "gone"]);
  });

  it("bring one that has expired back everywhere", async () => {
    const [one, other] = await startTwo();
    one.heartbeat(up());
    await clock.elapse(TTL_MS + 1000);
    expect([state(one), state(other)]).to.deep.equal(["expired", "expired"]);
    other.heartbeat(up());
    await heard();
    expect([state(one), state(other)]).to.deep.equal(["unknown", "unknown"]);
  });

  it("take an SFU out everywhere where it signs off at one", async () => {
    const [one, other] = await startTwo();
    one.heartbeat(up());
    await clock.elapse(BEAT_MS);
    other.heartbeat(down);
    await heard();
    expect([isHere(one), isHere(other)]).to.deep.equal([false, false]);
  });

  it("take a listed one down where it signs off, and let a probe bring it back", async () => {
    const instances = await start(2, { sfus: [sfuOf(1)] });
    await clock.elapse(BEAT_MS);
    instances[0]!.heartbeat(down);
    await heard();
    expect(instances.map(state)).to.deep.equal(["down", "down"]);
    await clock.elapse(BEAT_MS);
    expect(instances.map(state)).to.deep.equal(["healthy", "healthy"]);
  });

  it("tell the load of a listed one, and change nothing else of it", async () => {
    const sfu = sfuOf(1, { region: "us" });
    const [one, other] = (await start(2, { sfus: [sfu] })) as [Instance, Instance];
    one.heartbeat(up({ key: sfuKey(2) }));
    await heard();
    expect(other.registry.get(ADDRESS)).to.equal(sfu);
    expect(sessions(other)).to.equal(7);
    expect(other.heartbeats.isFresh(ADDRESS)).to.be.true;
  });

  it("are read nowhere from the statistics, where they have been heard of anywhere", async () => {
    const [one, other] = await startTwo();
    await beatFor(() => one, 4 * TTL_MS);
    expect([one, other].flatMap(({ client }) => client.asked.filter(({ what }) => what === "stats"))).to.deep.equal([]);
  });

  describe("at a gateway that starts", () => {
    it("are known at once, with their age", async () => {
      const [one] = await start(1);
      one!.heartbeat(up());
      await clock.elapse(20_000);
      const [late] = await start(1);
      expect(state(late!)).to.equal("unknown");
      expect(late!.registry.report(late!.registry.get(ADDRESS)!)).to.include({ atMs: clock.monotonic() - 20_000 });
      await clock.elapse(TTL_MS - 20_000 + 1000);
      expect(state(late!)).to.equal("expired");
    });

    it("outlive its restart, where it is alone", async () => {
      const [one] = await start(1);
      for (let n = 1; n <= 50; n++) one!.heartbeat(up({ address: `http://sfu${String(n)}.test` }));
      await one!.stop();
      await clock.elapse(5000);
      const [again] = await start(1);
      expect(again!.registry.all()).to.have.length(50);
      await clock.elapse(2000);
      const states = again!.registry.all().map((sfu) => again!.state(sfu));
      expect(states).to.deep.equal(Array(50).fill("healthy"));
    });

    it("are out at once where they have not been heard of for the TTL", async () => {
      const [one] = await start(1);
      one!.heartbeat(up());
      await clock.elapse(TTL_MS);
      const [late] = await start(1);
      expect(state(late!)).to.equal("expired");
      expect(late!.heartbeats.isFresh(ADDRESS)).to.be.false;
    });

    it("are unknown where they have signed off since", async () => {
      const [one] = await start(1);
      one!.heartbeat(up());
      one!.heartbeat(down);
      const [late] = await start(1);
      expect(state(late!)).to.equal("gone");
    });
  });

  describe("while the store is away", () => {
    it("are believed for as long as it is, where another gateway hears them", async () => {
      const [one, other] = await startTwo();
      one.heartbeat(up());
      await clock.elapse(BEAT_MS);
      other.store.setAway(true);
      await beatFor(() => one, 5 * TTL_MS);
      expect(state(other)).to.equal("healthy");
      expect(other.heartbeats.isFresh(ADDRESS)).to.be.true;
      other.store.setAway(false);
      await heard();
      await beatFor(() => one, 2 * TTL_MS);
      expect(state(other)).to.equal("healthy");
    });

    it("are believed no longer than the TTL after it, where nobody hears them", async () => {
      const [one, other] = await startTwo();
      one.heartbeat(up());
      await clock.elapse(BEAT_MS);
      other.store.setAway(true);
      await clock.elapse(5 * TTL_MS);
      expect(state(other)).to.equal("healthy");
      other.store.setAway(false);
      await clock.elapse(TTL_MS - BEAT_MS - 1);
      expect(state(other)).to.equal("healthy");
      await clock.elapse(1001);
      expect(state(other)).to.equal("expired");
    });

    it("are believed for the TTL, where this one alone hears them", async () => {
      const [one, other] = await startTwo();
      other.store.setAway(true);
      other.heartbeat(up());
      await clock.elapse(TTL_MS + 1000);
      expect(state(other)).to.equal("expired");
      expect(state(one)).to.equal("gone");
    });

    it("are believed for as long as it is, where they come by turns: a balancer has sent them elsewhere", async () => {
      const [one, other] = await startTwo();
      await beatFor(() => one, BEAT_MS);
      await beatFor(() => other, BEAT_MS);
      for (const { store } of [one, other]) store.setAway(true);
      other.heartbeat(up());
      await clock.elapse(4 * TTL_MS);
      expect([state(one), state(other)]).to.deep.equal(["healthy", "healthy"]);
    });

    it("have their TTL after it, however old the last word is that is heard then", async () => {
      const [one, other] = await startTwo();
      one.heartbeat(up());
      await clock.elapse(BEAT_MS);
      for (const { store } of [one, other]) store.setAway(true);
      await clock.elapse(5000);
      one.heartbeat(up());
      await clock.elapse(5 * TTL_MS);
      for (const { store } of [one, other]) store.setAway(false);
      await clock.elapse(TTL_MS - BEAT_MS - 1);
      expect(state(other)).to.equal("healthy");
      await clock.elapse(1001);
      expect(state(other)).to.equal("expired");
    });

    it("may come here at any time", async () => {
      const [one, other] = await startTwo();
      one.heartbeat(up());
      await heard();
      other.store.setAway(true);
      await clock.elapse(BEAT_MS);
      other.heartbeat(up({ sessions: 9 }));
      expect(sessions(other)).to.equal(9);
      other.heartbeat(down);
      expect(isHere(other)).to.be.false;
    });

    it("are exchanged afterwards", async () => {
      const [one, other] = await startTwo();
      other.store.setAway(true);
      other.heartbeat(up());
      await clock.elapse(BEAT_MS);
      expect(isHere(one)).to.be.false;
      other.store.setAway(false);
      await heard();
      expect(state(one)).to.equal("unknown");
      expect(one.registry.report(one.registry.get(ADDRESS)!)).to.include({ atMs: clock.monotonic() - BEAT_MS });
    });
  });

  describe("that come late", () => {
    it("do not undo a younger sign-off", async () => {
      const [one] = await start(1);
      await clock.elapse(5000);
      one!.heartbeat(up());
      one!.heartbeat(down);
      one!.heartbeats.hear(parsed(), clock.monotonic() - 2000);
      expect(isHere(one!)).to.be.false;
    });

    it("do not undo a younger heartbeat", async () => {
      const [one] = await start(1);
      await clock.elapse(5000);
      one!.heartbeat(up({ sessions: 9 }));
      one!.heartbeats.hear(parsed(), clock.monotonic() - 3000);
      one!.heartbeats.hear({ status: "down", address: ADDRESS }, clock.monotonic() - 3000);
      expect(sessions(one!)).to.equal(9);
      expect(state(one!)).to.equal("unknown");
    });

    it("end with a sign-off, where nobody can tell which of two was the last", async () => {
      const [one] = await start(1);
      await clock.elapse(5000);
      one!.heartbeat(up());
      one!.heartbeats.hear({ status: "down", address: ADDRESS }, clock.monotonic() - 20);
      expect(isHere(one!)).to.be.false;
      one!.heartbeats.hear(parsed(), clock.monotonic());
      expect(isHere(one!)).to.be.false;
      await clock.elapse(1000);
      one!.heartbeats.hear(parsed(), clock.monotonic());
      expect(isHere(one!)).to.be.true;
    });

    it("take an SFU down once, however often a sign-off is heard", async () => {
      const [one] = await start(1, { sfus: [sfuOf(1)] });
      const signOff = (): void => one!.heartbeats.hear({ status: "down", address: ADDRESS }, clock.monotonic());
      signOff();
      await clock.elapse(5000);
      expect(state(one!)).to.equal("healthy");
      signOff();
      expect(state(one!)).to.equal("healthy");
      one!.heartbeat(up());
      await clock.elapse(5000);
      signOff();
      expect(state(one!)).to.equal("down");
    });

    it("are judged in the order in which they were said, however long that takes", async () => {
      const held = Promise.withResolvers<undefined>();
      const [one] = await start(1);
      const [other] = await start(1, { check: () => held.promise });
      one!.heartbeat(up());
      await clock.elapse(1000);
      one!.heartbeat(down);
      held.resolve(undefined);
      await other!.registrations.settled();
      expect(isHere(other!)).to.be.false;
    });

    const parsed = (): Parameters<Instance["heartbeats"]["hear"]>[0] => ({
      status: "up",
      address: ADDRESS,
      region: "eu",
      key: parseKey(sfuKey(1)),
      channels: 0,
      sessions: 1,
      cpuUsage: 0,
      memoryUsage: 0,
      maxSessions: null,
    });
  });

  it("are waited for until their addresses have been looked at", async () => {
    const held = Promise.withResolvers<undefined>();
    const [one] = await start(1);
    const [other] = await start(1, { check: () => held.promise });
    one!.heartbeat(up());
    let isSettled = false;
    const settled = other!.registrations.settled().then(() => (isSettled = true));
    await heard();
    expect([isSettled, isHere(other!)]).to.deep.equal([false, false]);
    held.resolve(undefined);
    await settled;
    expect(isHere(other!)).to.be.true;
  });

  describe("are not taken", () => {
    const refuse = (): Promise<never> =>
      Promise.reject(new GatewayError("address_not_allowed", "this address may not register", { status: 403 }));

    it("from an address that may not register here, and that is told", async () => {
      const [one] = await start(1);
      const [other] = await start(1, { check: refuse });
      one!.heartbeat(up());
      await heard();
      expect(isHere(other!)).to.be.false;
      expect(other!.refused.map(({ outcome, address }) => [outcome, address])).to.deep.equal([
        ["address_not_allowed", ADDRESS],
      ]);
    });

    it("so, but for their load, where they are listed", async () => {
      const [one] = await start(1);
      const [other] = await start(1, { check: refuse, sfus: [sfuOf(1)] });
      one!.heartbeat(up());
      await heard();
      expect(sessions(other!)).to.equal(7);
      expect(other!.refused).to.deep.equal([]);
    });

    it("after a start any more than before it", async () => {
      const [one] = await start(1);
      one!.heartbeat(up());
      const [late] = await start(1, { check: refuse });
      expect(isHere(late!)).to.be.false;
    });

    const texts = {
      "where they are no JSON": "{",
      "where they are of another shape": JSON.stringify(up({ sessions: -1 })),
      "where they say more than a heartbeat may": JSON.stringify(up({ publicUrl: "http://evil.test" })),
      "where they have another's name": JSON.stringify(up({ address: "http://sfu2.test" })),
      "where they are empty": "",
    };
    for (const [what, text] of Object.entries(texts)) {
      it(`${what}, and that is told without a word of them`, async () => {
        const [one, other] = await startTwo();
        await post(one.store, text);
        await heard();
        expect(other.registry.all()).to.deep.equal([]);
        expect(other.refused.map(({ outcome }) => outcome)).to.deep.equal(["invalid_heartbeat"]);
        expect(other.refused[0]!.error!.message).not.to.contain(sfuKey(1));
      });
    }

    it("where there are as many SFUs as may register", async () => {
      const [one, other] = await startTwo();
      const full = new GatewayError("fleet_full", "no more can", { status: 403 });
      other.heartbeats.hear = () => {
        throw full;
      };
      one.heartbeat(up());
      await heard();
      expect(other.refused.map(({ error }) => error)).to.deep.equal([full]);
    });
  });

  it("stop nothing by a bug, which is told", async () => {
    const [one, other] = await startTwo();
    const hear = other.heartbeats.hear.bind(other.heartbeats);
    other.heartbeats.hear = () => {
      throw new TypeError("a bug");
    };
    one.heartbeat(up());
    await heard();
    expect(other.unexpected).to.deep.equal(["the registrations: a bug"]);
    other.unexpected.length = 0;
    other.heartbeats.hear = hear;
    one.heartbeat(up());
    await heard();
    expect(isHere(other)).to.be.true;
  });

  it("fill the store with no farewells of SFUs that nobody knows", async () => {
    const [one] = await start(1);
    for (let n = 0; n < 100; n++) one!.heartbeat({ status: "down", address: `http://nobody${String(n)}.test` });
    const posted: string[] = [];
    const late = room.enter();
    late.board.on("registrations", ({ name }) => posted.push(name));
    await late.open();
    expect(posted).to.deep.equal([]);
  });

  it("are cheap: a thousand SFUs each ten seconds", async () => {
    const [one, other] = await startTwo();
    const beats = Array.from({ length: 1000 }, (_, n) => up({ address: `http://sfu${String(n)}.test` }));
    for (const beat of beats) one.heartbeat(beat);
    await heard();
    const beganMs = process.cpuUsage();
    for (const beat of beats) one.heartbeat(beat);
    await heard();
    const { user, system } = process.cpuUsage(beganMs);
    expect(other.registry.all()).to.have.length(1000);
    // Of both gateways, and of ten seconds that they have for it; in microseconds.
    expect(user + system).to.be.below(1_000_000);
  });
});
