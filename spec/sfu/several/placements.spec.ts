import { expect } from "chai";
import { FILLING_MS } from "../../../lib/balancing/ledger.ts";
import { Events } from "../../../lib/events.ts";
import { heedPlacements } from "../../../lib/sfu/hearsay.ts";
import { createRegistry } from "../../../lib/sfu/registry.ts";
import type { Heard } from "../../../lib/store/store.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { type Instance, useInstances } from "./instances.ts";
import { createRoom, type Room } from "./room.ts";

describe("what other gateways have placed", () => {
  const clock = useFakeClock();
  const sfus = [sfuOf(1), sfuOf(2)];
  const [sfu] = sfus as [(typeof sfus)[number]];
  const channel = { uuid: "31dcc5dc-4d26-453e-9bca-ab1f5d268303", url: "https://sfu1.test" };
  let room: Room;
  const start = useInstances(clock, () => room);
  let one: Instance;
  let other: Instance;
  beforeEach(async () => {
    room = createRoom(clock);
    [one, other] = (await start(2, { sfus })) as [Instance, Instance];
  });

  /** A call at `one`, served. */
  const place = async (conference: string, { address } = sfu, given = channel): Promise<void> => {
    const patience = { signal: new AbortController().signal, timeoutMs: 1000 };
    const entry = await one.store.assignments.enter(conference, patience);
    if (entry.kind === "turn") await entry.end({ address, channel: given, ttlMs: 60_000 });
  };

  it("counts as placed here", async () => {
    await place("a");
    await place("b");
    expect(other.ledger.placedSinceReport(sfu)).to.equal(2);
    expect(other.ledger.placedSinceReport(sfus[1]!)).to.equal(0);
    expect(one.ledger.placedSinceReport(sfu), "who has placed it has counted it himself").to.equal(0);
  });

  it("counts once, however many of its members come", async () => {
    for (let member = 0; member < 5; member++) await place("a");
    expect(other.ledger.placedSinceReport(sfu)).to.equal(1);
  });

  it("counts where it has moved to", async () => {
    await place("a");
    await place("a", sfus[1]);
    expect(other.ledger.placedSinceReport(sfus[1]!)).to.equal(1);
  });

  it("can be ended here", async () => {
    await place("a");
    await place("a");
    expect(other.homes.of(channel.uuid)).to.equal(sfu);
  });

  describe("on an SFU that is not known here yet", () => {
    const late = sfuOf(3);
    const stranger = sfuOf(4);
    const channelOf = (number: number): typeof channel => ({ ...channel, uuid: `uuid ${String(number)}` });

    it("is nothing to go by before it is", async () => {
      await place("a", late);
      expect(other.homes.of(channel.uuid)).to.equal(null);
      expect(other.ledger.placedSinceReport(late)).to.equal(0);
    });

    it("counts, and can be ended, as soon as it is", async () => {
      for (let number = 0; number < 10; number++) await place(`room ${String(number)}`, late, channelOf(number));
      other.registry.put(late);
      expect(other.ledger.placedSinceReport(late)).to.equal(10);
      expect(other.ledger.expectedSessions(late)).to.equal(10 * other.ledger.averageSize());
      expect(other.homes.of("uuid 0")).to.equal(late);
      expect(other.homes.of("uuid 9")).to.equal(late);
      for (const known of sfus) expect(other.ledger.placedSinceReport(known)).to.equal(0);
    });

    it("counts once, whoever comes and goes", async () => {
      await place("a", late);
      other.registry.put(late);
      other.registry.remove(late.address, late.source);
      other.registry.put(late);
      expect(other.ledger.placedSinceReport(late)).to.equal(0);
    });

    it("is as old as it is: what its first report shows counts for what is still to come of it", async () => {
      await place("old", late);
      await clock.elapse(FILLING_MS / 2);
      await place("young", late);
      await clock.elapse(1000);
      other.registry.put(late);
      const load = { sessions: 2, channels: 1, ordinarySessions: 2, cpu: null, memory: null };
      other.registry.setReport(late, { ...load, atMs: clock.monotonic() - 2000 });
      expect(other.ledger.placedSinceReport(late)).to.equal(1);
      expect(other.ledger.expectedSessions(late) / other.ledger.averageSize()).to.be.closeTo(1.5, 0.03);
    });

    it("is forgotten when it has had the time to fill", async () => {
      await place("a", late);
      await clock.elapse(FILLING_MS - 1);
      await place("b", stranger, channelOf(1));
      await clock.elapse(1);
      other.registry.put(late);
      other.registry.put(stranger);
      expect(other.ledger.placedSinceReport(late)).to.equal(0);
      expect(other.homes.of(channel.uuid)).to.equal(null);
      expect(other.ledger.placedSinceReport(stranger)).to.equal(1);
    });

    it("is not remembered without end: whose first has waited longest goes first", async () => {
      await place("a", stranger);
      for (let number = 0; number < 10_000; number++) await place(`room ${String(number)}`, late, channelOf(number));
      other.registry.put(stranger);
      other.registry.put(late);
      expect(other.ledger.placedSinceReport(stranger)).to.equal(0);
      expect(other.ledger.placedSinceReport(late)).to.equal(10_000);
    });
  });

  describe("some time ago", () => {
    let claims: (number | undefined)[];
    let learned: string[];
    let tell: (ageMs: number, isNew?: boolean) => void;
    beforeEach(() => {
      claims = [];
      learned = [];
      const registry = createRegistry(clock, new Events());
      registry.put(sfu);
      let hear: (notice: Heard) => void = () => undefined;
      heedPlacements({
        clock,
        events: new Events(),
        registry,
        ledger: {
          claim(_, ageMs) {
            claims.push(ageMs);
            return () => undefined;
          },
        },
        homes: { learn: (uuid) => learned.push(uuid) },
        store: { notices: { tell: () => undefined, on: (listener) => (hear = listener) } },
      });
      tell = (ageMs, isNew = true) => hear({ kind: "placed", address: sfu.address, channel, isNew, ageMs });
    });

    it("counts for as long as it fills", () => {
      tell(0);
      tell(FILLING_MS - 1);
      tell(FILLING_MS);
      expect(claims).to.deep.equal([0, FILLING_MS - 1]);
    });

    it("can be ended for longer", () => {
      tell(FILLING_MS);
      expect(learned).to.deep.equal([channel.uuid]);
    });

    it("counts not again where the conference was there before, and can be ended all the same", () => {
      tell(0, false);
      expect(claims).to.deep.equal([]);
      expect(learned).to.deep.equal([channel.uuid]);
    });
  });
});
