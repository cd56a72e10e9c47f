import FakeTimers from "@sinonjs/fake-timers";
import { expect } from "chai";
import { type AddressLimit, createAddressLimit, rateLimited } from "../lib/address-limit.ts";
import { useFakeClock } from "./support/clock.ts";

const MINUTE_MS = 60_000;

describe("a limit for each address", () => {
  const clock = useFakeClock();
  let limit: AddressLimit;
  beforeEach(() => (limit = createAddressLimit({ max: 3, windowMs: MINUTE_MS })));
  afterEach(() => limit.forget());

  const takeAll = async (...addresses: readonly string[]): Promise<readonly (number | null)[]> => {
    const waits: (number | null)[] = [];
    for (const address of addresses) waits.push(await limit.take(address));
    return waits;
  };
  const take = (address: string, times: number): Promise<readonly (number | null)[]> =>
    takeAll(...Array.from({ length: times }, () => address));

  it("lets so many through, and tells the others how long they have to wait", async () => {
    expect(await take("192.0.2.1", 2)).to.deep.equal([null, null]);
    await clock.elapse(20_000);
    expect(await take("192.0.2.1", 3)).to.deep.equal([null, 40_000, 40_000]);
  });

  it("begins anew when the window is over, however many came in it", async () => {
    await take("192.0.2.1", 100);
    await clock.elapse(MINUTE_MS - 1);
    expect(await limit.take("192.0.2.1")).to.equal(1);
    await clock.elapse(1);
    expect(await take("192.0.2.1", 4)).to.deep.equal([null, null, null, MINUTE_MS]);
  });

  it("holds nobody for another", async () => {
    await take("192.0.2.1", 10);
    expect(await take("192.0.2.2", 3)).to.deep.equal([null, null, null]);
  });

  it("knows an IPv6 caller by its network, and an IPv4 one in each of its spellings", async () => {
    const one = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:DB8:1:2::3%eth0", "2001:db8:1:2:a:b:c:d"];
    expect(await takeAll(...one)).to.deep.equal([null, null, null, MINUTE_MS]);
    expect(await limit.take("2001:db8:1:3::1")).to.equal(null);
    const other = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.1"];
    expect(await takeAll(...other)).to.deep.equal([null, null, null, MINUTE_MS]);
    expect(await limit.take("::1")).to.equal(null);
  });

  it("takes whatever a caller's address may be", async () => {
    expect(await takeAll("", "", "", "", "unknown")).to.deep.equal([null, null, null, MINUTE_MS, null]);
  });

  it("counts what was given back as if it had not been", async () => {
    for (let round = 0; round < 10; round++) {
      expect(await limit.take("192.0.2.1")).to.equal(null);
      await limit.giveBack("192.0.2.1");
    }
    expect(clock.timers(), "nothing is kept").to.equal(0);
    await limit.giveBack("192.0.2.1");
    expect(await take("192.0.2.1", 4)).to.deep.equal([null, null, null, MINUTE_MS]);
  });

  it("gives nobody a start when something is given back after its window", async () => {
    await limit.take("192.0.2.1");
    await clock.elapse(MINUTE_MS);
    await limit.giveBack("192.0.2.1");
    expect(await take("192.0.2.1", 4)).to.deep.equal([null, null, null, MINUTE_MS]);
  });

  it("keeps ten thousand addresses, and forgets those that it has not seen for longest", async () => {
    await take("192.0.2.1", 3);
    await take("192.0.2.2", 3);
    const addressOf = (index: number): string => `10.0.${String(index >> 8)}.${String(index & 255)}`;
    for (let index = 0; index < 20_000; index++) {
      await limit.take(addressOf(index));
      if (index % 1000 === 0) expect(await limit.take("192.0.2.1")).to.equal(MINUTE_MS);
    }
    expect(clock.timers()).to.equal(10_000);
    expect(await limit.take("192.0.2.2"), "forgotten").to.equal(null);
    expect(await limit.take("192.0.2.1"), "seen lately").to.equal(MINUTE_MS);
    await clock.elapse(MINUTE_MS);
    expect(clock.timers()).to.equal(0);
  });

  it("goes by other terms from now on, and what was counted stays", async () => {
    await take("192.0.2.1", 3);
    limit.configure({ max: 5, windowMs: 1000 });
    expect(await take("192.0.2.1", 3)).to.deep.equal([null, null, 1000]);
    expect(await take("192.0.2.2", 6)).to.deep.equal([null, null, null, null, null, 1000]);
    await clock.elapse(1000);
    expect(await limit.take("192.0.2.2")).to.equal(null);
    expect(await limit.take("192.0.2.1"), "in the window that it began").not.to.equal(null);
  });

  it("forgets everything when it is told so, and leaves no timer behind", async () => {
    await take("192.0.2.1", 10);
    limit.forget();
    expect(clock.timers()).to.equal(0);
    expect(await limit.take("192.0.2.1")).to.equal(null);
  });
});

describe("a limit for each address, when somebody sets the clock back", () => {
  let time: FakeTimers.Clock;
  beforeEach(() => (time = FakeTimers.install({ now: 86_400_000, toFake: ["setTimeout", "clearTimeout", "Date"] })));
  afterEach(() => time.uninstall());

  it("makes nobody wait for longer than a window", async () => {
    const limit = createAddressLimit({ max: 1, windowMs: MINUTE_MS });
    await limit.take("192.0.2.1");
    time.setSystemTime(0);
    expect(await limit.take("192.0.2.1")).to.equal(MINUTE_MS);
    await time.tickAsync(MINUTE_MS);
    expect(await limit.take("192.0.2.1")).to.equal(null);
    limit.forget();
  });
});

describe("the answer to who is beyond a limit", () => {
  for (const [waitMs, seconds] of [
    [0, 1],
    [1, 1],
    [1000, 1],
    [1001, 2],
    [59_999.5, 60],
  ] as const) {
    it(`says ${seconds} s for ${waitMs} ms`, () => {
      const { status, code, retryAfterS } = rateLimited("too many", waitMs);
      expect([status, code, retryAfterS]).to.deep.equal([429, "rate_limited", seconds]);
    });
  }
});
