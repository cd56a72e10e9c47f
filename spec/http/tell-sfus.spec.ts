import { expect } from "chai";
import type { ChannelSessions, DisconnectOrder } from "../../lib/auth/verify-disconnect.ts";
import { type Clock, withDeadline } from "../../lib/clock.ts";
import { GatewayError, SfuError } from "../../lib/errors.ts";
import type { DisconnectParts } from "../../lib/http/disconnect-parts.ts";
import { createFanOut, type FanOut, requireAll, tellSfus, type Told } from "../../lib/http/tell-sfus.ts";
import type { SfuClient } from "../../lib/sfu/client.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

const BUDGET_MS = 2500;
const from = { callerAddress: "192.0.2.1", requestId: "r1" };

/** SFUs that hang, or else take it; keeps its bounds as the real client does. */
class Fleet implements Pick<SfuClient, "disconnect"> {
  readonly asked: string[] = [];
  readonly timeouts: number[] = [];
  readonly #clock: Clock;
  readonly #hanging: ReadonlySet<Sfu>;

  constructor(clock: Clock, hanging: readonly Sfu[]) {
    this.#clock = clock;
    this.#hanging = new Set(hanging);
  }

  async disconnect(...[sfu, , { timeoutMs, signal }]: Parameters<SfuClient["disconnect"]>): Promise<void> {
    this.asked.push(sfu.address);
    this.timeouts.push(timeoutMs);
    const onTimeout = (): SfuError => new SfuError("timeout", "did not answer in time");
    await withDeadline({ clock: this.#clock, timeoutMs, signal, onTimeout }, () =>
      this.#hanging.has(sfu) ? new Promise<never>(() => undefined) : Promise.resolve(),
    );
  }
}

describe("telling SFUs of a disconnect", () => {
  const clock = useFakeClock();
  const channels: readonly ChannelSessions[] = [["x", [1]]];
  let written: (readonly ChannelSessions[])[];
  const order: DisconnectOrder = {
    channels,
    claimsFor(part) {
      written.push(part);
      return Buffer.from(JSON.stringify(part));
    },
  };
  let fanOut: FanOut;
  beforeEach(() => {
    written = [];
    fanOut = createFanOut();
  });

  const fleetOf = (count: number, firstNumber = 1): readonly Sfu[] =>
    Array.from({ length: count }, (_, index) => sfuOf(firstNumber + index));
  /** Of SFUs that may have the channel, or that are known to have it. */
  const partsFor = (sfus: readonly Sfu[], isHome = false): DisconnectParts => ({
    parts: sfus.map((sfu) => ({ sfu, isHome, channels })),
    channels: 1,
    unknown: isHome ? 0 : 1,
    silent: 0,
  });
  const begin = (parts: DisconnectParts, client: Pick<SfuClient, "disconnect">): Promise<Told> => {
    const bounds = { deadlineMs: clock.monotonic() + BUDGET_MS, attemptTimeoutMs: 1000 };
    return tellSfus(parts, order, from, bounds, { clock, client, fanOut });
  };
  /** Begins, and lets time pass until it has ended. @returns what came of it and how long that took */
  const tell = async (sfus: readonly Sfu[], fleet: Fleet): Promise<Told & { readonly ms: number }> => {
    const startMs = clock.monotonic();
    const ended: number[] = [];
    const telling = begin(partsFor(sfus), fleet).finally(() => ended.push(clock.monotonic()));
    while (ended.length === 0 && clock.monotonic() - startMs < 10_000) await clock.elapse(100);
    return { ...(await telling), ms: ended[0]! - startMs };
  };

  it("asks everybody, one payload for all who are told the same", async () => {
    const sfus = fleetOf(200);
    const fleet = new Fleet(clock, []);
    const { asked, failed } = await tell(sfus, fleet);
    expect(asked).to.deep.equal(sfus);
    expect(failed).to.deep.equal([]);
    expect(fleet.asked).to.have.length(200);
    expect(written).to.have.length(1);
  });

  it("asks so many at a time and no more", async () => {
    const sfus = fleetOf(200);
    const fleet = new Fleet(clock, sfus);
    const telling = begin(partsFor(sfus), fleet);
    await clock.elapse(0);
    expect(fleet.asked).to.have.length(16);
    await clock.elapse(100);
    expect(fleet.asked).to.have.length(32);
    await clock.elapse(BUDGET_MS);
    await telling;
  });

  it("asks so many at a time for all requests together", async () => {
    const sfus = fleetOf(20);
    const fleet = new Fleet(clock, sfus);
    const telling = Array.from({ length: 5 }, () => begin(partsFor(sfus), fleet));
    await clock.elapse(0);
    expect(fleet.asked).to.have.length(16);
    await clock.elapse(100);
    expect(fleet.asked).to.have.length(32);
    await clock.elapse(BUDGET_MS);
    for (const { asked } of await Promise.all(telling)) expect(asked).to.deep.equal(sfus);
  });

  it("asks those that are known to have the channel at once, whatever is in front of them", async () => {
    const hanging = fleetOf(200);
    const fleet = new Fleet(clock, hanging);
    const telling = begin(partsFor(hanging), fleet);
    await clock.elapse(0);
    expect(fleet.asked).to.have.length(16);
    const homes = fleetOf(20, 1000);
    const told = begin(partsFor(homes, true), fleet);
    await clock.elapse(0);
    expect(fleet.asked.slice(16)).to.deep.equal(homes.map(({ address }) => address));
    expect((await told).failed).to.deep.equal([]);
    await clock.elapse(BUDGET_MS);
    await telling;
  });

  it("lets those that hang hold up nobody else", async () => {
    const hanging = fleetOf(15);
    const fleet = new Fleet(clock, hanging);
    const telling = begin(partsFor([...hanging, ...fleetOf(500, 100)]), fleet);
    await clock.elapse(0);
    expect(fleet.asked).to.have.length(515);
    await clock.elapse(1000);
    expect((await telling).failed.map(({ sfu }) => sfu)).to.deep.equal(hanging);
  });

  it("gets round to everybody where a whole region hangs", async () => {
    const hanging = fleetOf(200);
    const fleet = new Fleet(clock, hanging);
    const telling = begin(partsFor([...hanging, ...fleetOf(800, 1000)]), fleet);
    await clock.elapse(1100);
    expect(fleet.asked).to.have.length(192);
    await clock.elapse(100);
    expect(fleet.asked).to.have.length(1000);
    await clock.elapse(1000);
    const { asked, failed } = await telling;
    expect(asked).to.have.length(1000);
    expect(failed.map(({ sfu }) => sfu)).to.deep.equal(hanging);
  });

  it("ends within the budget, and says of whom it did not get round to", async () => {
    const hanging = fleetOf(1000);
    const fleet = new Fleet(clock, hanging);
    const { asked, failed, ms } = await tell(hanging, fleet);
    expect(ms).to.equal(2500);
    expect(failed.map(({ sfu }) => sfu)).to.deep.equal(hanging);
    const late = failed.filter(({ error }) => error.message === "was not asked any more, for the time was up");
    // Sixteen every 100 ms, the last of them at 2400.
    expect(asked).to.deep.equal(hanging.slice(0, 400));
    expect(late.map(({ sfu }) => sfu)).to.deep.equal(hanging.slice(400));
    expect([...new Set(fleet.timeouts)]).to.deep.equal([1000, 900, 800, 700, 600, 500, 400, 300, 200, 100]);
    expect(clock.timers()).to.equal(0);
  });

  it("asks nobody whose turn comes after the budget, and is soon done, behind those that hang", async () => {
    const sfus = fleetOf(1000);
    const fleet = new Fleet(clock, sfus);
    const [first, second] = [sfus, fleetOf(100, 2000)].map((some) => begin(partsFor(some), fleet));
    await clock.elapse(BUDGET_MS);
    const { asked, failed } = await second!;
    expect(asked).to.deep.equal([]);
    expect(failed).to.have.length(100);
    await first;
    expect(clock.timers()).to.equal(0);
  });

  it("fails as it is where a bug does", async () => {
    const client = { disconnect: () => Promise.reject(new TypeError("a bug")) };
    const error: unknown = await begin(partsFor([sfuOf(1)]), client).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TypeError);
  });
});

describe("what became of a disconnect", () => {
  const failure = (number: number): Told["failed"][number] => ({
    sfu: sfuOf(number),
    error: new SfuError("refused", "refused the connection (ECONNREFUSED)"),
  });
  /** What it throws of this; null where it lets it pass. */
  const judged = (told: Partial<Told>, parts: number): GatewayError | null => {
    try {
      requireAll({ channels: 2, unknown: 0, silent: 0, asked: [], failed: [], ...told }, parts);
      return null;
    } catch (error) {
      expect(error).to.be.instanceOf(GatewayError);
      expect(error).to.include({ code: "disconnect_incomplete", status: 502 });
      return error as GatewayError;
    }
  };

  it("is fine where everybody took it", () => {
    expect(judged({ asked: [sfuOf(1)] }, 1)).to.be.null;
    expect(judged({ asked: [sfuOf(1), sfuOf(2)], unknown: 2 }, 2)).to.be.null;
  });

  it("is fine where there was nothing to do", () => {
    expect(judged({ channels: 0 }, 0)).to.be.null;
  });

  it("is incomplete where one did not, and says which and what it did", () => {
    expect(judged({ failed: [failure(2)] }, 3)!.message).to.equal(
      "1 of 3 SFUs did not take it: http://sfu2.test refused the connection (ECONNREFUSED)",
    );
  });

  it("is incomplete where not all could be asked for a channel that may be anywhere", () => {
    expect(judged({ failed: [failure(1)], unknown: 1 }, 1)!.message).to.equal(
      "1 of 1 SFU did not take it: http://sfu1.test refused the connection (ECONNREFUSED) " +
        "(the SFU of 1 of 2 channels is not known, so all are to be asked)",
    );
  });

  it("is incomplete where there was nobody to ask", () => {
    expect(judged({ unknown: 2 }, 0)!.message).to.equal(
      "the SFU of 2 of 2 channels is not known, so all are to be asked, but there is none",
    );
  });

  it("says how many were not even to be asked, for they are silent, and calls that no failure", () => {
    expect(judged({ unknown: 1, silent: 3, asked: [sfuOf(1)] }, 1)).to.be.null;
    expect(judged({ unknown: 1, silent: 1, failed: [failure(1)] }, 2)!.message).to.match(
      /\(the SFU of 1 of 2 channels is not known, so all but 1 that is down or expired are to be asked\)$/,
    );
    expect(judged({ unknown: 2, silent: 3 }, 0)!.message).to.equal(
      "the SFU of 2 of 2 channels is not known, so all but 3 that are down or expired are to be asked, and that leaves none",
    );
  });

  it("names some and counts the rest", () => {
    const failed = Array.from({ length: 13 }, (_, index) => failure(index));
    const { message } = judged({ failed }, 20)!;
    expect(message)
      .to.match(/^13 of 20 SFUs did not take it: http:\/\/sfu0\.test /)
      .and.match(/; and 3 more$/);
    expect(message.match(/sfu\d+\.test/g)).to.have.length(10);
  });
});
