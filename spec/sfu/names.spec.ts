import { expect } from "chai";
import type { LookupAddress } from "node:dns";
import { SfuError } from "../../lib/errors.ts";
import {
  createNames,
  FAILED_MS,
  FRESH_MS,
  GONE_MS,
  lanesOf,
  lookupBy,
  MAX_ADDRESSES,
  type Names,
  PATIENCE_MS,
  RENEWAL_PATIENCE_MS,
  UNKNOWN_MS,
} from "../../lib/sfu/names.ts";
import { useFakeClock } from "../support/clock.ts";

/** What DNS does with a name: it answers, at once or late, says no with this code, or never says a word. */
type Dns =
  | readonly string[]
  | "EAI_AGAIN"
  | "ENOTFOUND"
  | "hangs"
  | { readonly afterMs: number; readonly then: readonly string[] };

describe("the names of SFUs", () => {
  const clock = useFakeClock();
  let dns: Record<string, Dns>;
  let asked: string[];
  /** Of those that hang: ends them, as the system does after a while. */
  let giveUp: (() => void)[];
  let underWay: number;
  let peak: number;
  let names: Names;

  const resolve = async (name: string): Promise<readonly string[]> => {
    asked.push(name);
    peak = Math.max(peak, ++underWay);
    try {
      const does = dns[name] ?? "ENOTFOUND";
      if (does === "hangs") await new Promise<void>((end) => giveUp.push(end));
      if (typeof does === "string") throw Object.assign(new Error(), { code: does === "hangs" ? "EAI_AGAIN" : does });
      if (!("afterMs" in does)) return does;
      await new Promise<void>((end) => clock.after(does.afterMs, end));
      return does.then;
    } finally {
      underWay--;
    }
  };
  beforeEach(() => {
    dns = { a: ["10.0.0.1"] };
    asked = [];
    giveUp = [];
    underWay = peak = 0;
    names = createNames({ clock, resolve, lanes: 4 });
  });
  afterEach(() => expect(clock.timers()).to.equal(0));

  /** What somebody who asks gets, and after how many milliseconds: addresses, or why there are none. */
  const ask = async (name: string): Promise<readonly [got: string, ms: number]> => {
    const beganMs = clock.monotonic();
    const got: string[] = [];
    const asking = names.addressesOf(name).then(
      (addresses) => got.push(addresses.join(" ")),
      (error: unknown) => {
        expect(error).to.be.instanceOf(SfuError).and.to.have.property("failure", "dns");
        got.push((error as SfuError).message);
      },
    );
    while (got.length === 0 && clock.monotonic() - beganMs < 1000) await clock.elapse(10);
    await asking;
    return [got[0]!, clock.monotonic() - beganMs];
  };
  /** As {@link ask}, for what is known at once. */
  const told = async (name: string): Promise<string> => {
    const [got, ms] = await ask(name);
    expect(ms).to.be.at.most(10);
    return got;
  };

  it("are resolved once for all who ask at a time, and for those who ask soon", async () => {
    dns.a = { afterMs: 100, then: ["10.0.0.1"] };
    const both = Promise.all([names.addressesOf("a"), names.addressesOf("a")]);
    await clock.elapse(100);
    expect(await both).to.deep.equal([["10.0.0.1"], ["10.0.0.1"]]);
    await clock.elapse(FRESH_MS);
    expect(await names.addressesOf("a")).to.deep.equal(["10.0.0.1"]);
    expect(asked).to.deep.equal(["a"]);
  });

  it("are found again where they have moved to", async () => {
    expect(await told("a")).to.equal("10.0.0.1");
    dns.a = ["10.0.0.2"];
    expect(await told("a")).to.equal("10.0.0.1");
    await clock.elapse(FRESH_MS + 1);
    expect(await told("a")).to.equal("10.0.0.2");
  });

  it("are found again, though DNS is slow: by whoever asks next", async () => {
    await told("a");
    dns.a = { afterMs: 400, then: ["10.0.0.2"] };
    await clock.elapse(FRESH_MS + 1);
    expect(await ask("a")).to.deep.equal(["10.0.0.1", RENEWAL_PATIENCE_MS]);
    expect(await told("a")).to.equal("10.0.0.1");
    await clock.elapse(400);
    expect(await told("a")).to.equal("10.0.0.2");
  });

  for (const [how, does, long, forMs] of [
    ["fails", "EAI_AGAIN", "a day", UNKNOWN_MS],
    ["says that there are none", "ENOTFOUND", "a minute", GONE_MS],
  ] as const) {
    it(`keep their addresses for ${long} while DNS ${how}, and get new ones when it is mended`, async () => {
      await told("a");
      dns.a = does;
      await clock.elapse(forMs - 2 * FAILED_MS);
      expect(await told("a")).to.equal("10.0.0.1");
      await clock.elapse(3 * FAILED_MS);
      expect(await told("a")).to.include(does);
      dns.a = ["10.0.0.2"];
      expect(await told("a")).to.include(does);
      await clock.elapse(FAILED_MS + 1);
      expect(await told("a")).to.equal("10.0.0.2");
    });
  }

  it("keep their addresses while DNS answers that there are none", async () => {
    await told("a");
    dns.a = [];
    await clock.elapse(FRESH_MS + 1);
    expect(await told("a")).to.equal("10.0.0.1");
    dns.b = [];
    expect(await told("b")).to.equal("has a name without an address");
  });

  it("keep their addresses while DNS hangs, and nobody waits for it but the first for a moment", async () => {
    await told("a");
    dns.a = "hangs";
    await clock.elapse(FRESH_MS + 1);
    expect(await ask("a")).to.deep.equal(["10.0.0.1", RENEWAL_PATIENCE_MS]);
    for (let n = 0; n < 100; n++) expect(await names.addressesOf("a")).to.deep.equal(["10.0.0.1"]);
    expect(asked).to.deep.equal(["a", "a"]);
    dns.a = ["10.0.0.2"];
    giveUp.forEach((end) => end());
    await clock.elapse(FAILED_MS + 1);
    expect(await told("a")).to.equal("10.0.0.2");
  });

  it("that have never been resolved are waited for half a second, and then not again", async () => {
    dns.b = "hangs";
    expect(await ask("b")).to.deep.equal(["has a name that was not resolved within 500 ms", PATIENCE_MS]);
    expect(await told("b")).to.equal("has a name that was not resolved within 500 ms");
    giveUp.forEach((end) => end());
    await clock.elapse(0);
    expect(await told("b")).to.equal("has a name that could not be resolved (EAI_AGAIN)");
    dns.b = ["10.0.0.2"];
    await clock.elapse(FAILED_MS + 1);
    expect(await told("b")).to.equal("10.0.0.2");
    expect(asked).to.deep.equal(["b", "b"]);
  });

  it("that nobody knows are not asked for again within a second", async () => {
    for (let n = 0; n < 100; n++) expect(await told("nobody")).to.equal("has a name that nobody knows (ENOTFOUND)");
    expect(asked.length).to.be.at.most(2);
  });

  it("take no more than their lanes, and those that hang no more than half of them once that is known", async () => {
    const hanging = ["h1", "h2", "h3", "h4"];
    for (const name of hanging) dns[name] = "hangs";
    for (const name of hanging) void names.addressesOf(name).catch(() => undefined);
    await clock.elapse(PATIENCE_MS + 1);
    expect(await ask("a")).to.deep.equal(["has a name that was not resolved within 500 ms", PATIENCE_MS]);
    expect({ underWay, asked }).to.deep.equal({ underWay: 4, asked: hanging });

    giveUp.splice(0).forEach((end) => end());
    await clock.elapse(FAILED_MS + 1);
    for (const name of hanging) void names.addressesOf(name).catch(() => undefined);
    await clock.elapse(FRESH_MS + 1);
    expect(underWay).to.equal(2);
    for (let n = 0; n < 10; n++) {
      await clock.elapse(FRESH_MS + 1);
      expect(await told("a")).to.equal("10.0.0.1");
    }
    expect(peak).to.equal(4);
  });

  it("with a thousand addresses keep a few", async () => {
    dns.a = Array.from({ length: 1000 }, (_, index) => `10.0.${String(index >> 8)}.${String(index & 255)}`);
    expect((await names.addressesOf("a")).length).to.equal(MAX_ADDRESSES);
  });

  it("are as many as half of the pool's threads and one less, but two", () => {
    const sizes = [undefined, "1", "4", "8", "16", "1024", "100000", "many", "0", "-1"];
    expect(sizes.map((UV_THREADPOOL_SIZE) => lanesOf({ UV_THREADPOOL_SIZE }))).to.deep.equal([
      2, 2, 2, 3, 7, 511, 511, 2, 2, 2,
    ]);
  });

  describe("for a connection", () => {
    const look = (options: { all?: boolean; family?: number }, addresses: readonly string[]) =>
      new Promise<string | LookupAddress[]>((found, failed) => {
        lookupBy(() => Promise.resolve(addresses))("name", options, (error, address) => {
          if (error === null) found(address);
          else failed(error);
        });
      });
    const both = ["10.0.0.1", "2001:db8::1"];

    it("are as many addresses as it asks for, of the family that it asks for", async () => {
      const [four, six] = [
        { address: "10.0.0.1", family: 4 },
        { address: "2001:db8::1", family: 6 },
      ];
      expect(await look({ all: true }, both)).to.deep.equal([four, six]);
      expect(await look({ all: true, family: 6 }, both)).to.deep.equal([six]);
      expect(await look({}, both)).to.equal("10.0.0.1");
      expect(await look({ family: 6 }, both)).to.equal("2001:db8::1");
    });

    it("are none where there is none of the family", async () => {
      const error: unknown = await look({ family: 6 }, ["10.0.0.1"]).catch((thrown: unknown) => thrown);
      expect(error).to.include({ failure: "dns", message: "has a name without an address" });
    });
  });
});
