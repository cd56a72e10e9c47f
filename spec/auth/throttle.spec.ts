import { expect } from "chai";
import { createThrottles, type Throttle, type Throttles } from "../../lib/auth/throttle.ts";
import type { Config } from "../../lib/config/config.ts";
import { GatewayError } from "../../lib/errors.ts";
import { Events, type KeyKind } from "../../lib/events.ts";
import { useFakeClock } from "../support/clock.ts";
import { configurationOf } from "../support/gateway.ts";

const SETTINGS: Config["authFailures"] = { max: 3, windowMs: 60_000 };
const KINDS = ["odoo", "registration", "admin"] as const satisfies readonly KeyKind[];
const HERE = "192.0.2.1";

const refusing = (code: "invalid_token" | "missing_token" | "missing_issuer", status: number) => (): never => {
  throw new GatewayError(code, "refused", { status });
};
const bad = refusing("invalid_token", 401);

describe("the throttle of refused tokens", () => {
  const clock = useFakeClock();
  let events: Events;
  let throttles: Throttles;
  beforeEach(() => {
    events = new Events();
    throttles = createThrottles(SETTINGS, events);
  });

  const watched = async (throttle: Throttle, verify: () => unknown, address = HERE): Promise<unknown> =>
    await throttle.watch(address, verify);

  /** What became of a token: `ok`, or the code of the refusal. */
  const outcomeOf = async (throttle: Throttle, verify: () => unknown = bad, address = HERE): Promise<string> => {
    try {
      await watched(throttle, verify, address);
      return "ok";
    } catch (error) {
      if (error instanceof GatewayError) return error.code;
      throw error;
    }
  };
  const outcomes = async (throttle: Throttle, times: number, verify = bad): Promise<readonly string[]> => {
    const all: string[] = [];
    while (all.length < times) all.push(await outcomeOf(throttle, verify));
    return all;
  };
  const good = (): string => "verified";

  for (const kind of KINDS) {
    describe(`for the ${kind} key`, () => {
      const throttle = (): Throttle => throttles[kind];

      it("tells so many that their token is no good, and the others to wait", async () => {
        expect(await outcomes(throttle(), 5)).to.deep.equal([
          "invalid_token",
          "invalid_token",
          "invalid_token",
          "rate_limited",
          "rate_limited",
        ]);
        await clock.elapse(45_500);
        const error = await watched(throttle(), bad).catch((thrown: unknown) => thrown);
        expect(error).to.include({ status: 429, retryAfterS: 15 });
        expect(await outcomeOf(throttle(), bad, "192.0.2.2"), "another").to.equal("invalid_token");
      });

      it("is over with its window, however many came in it", async () => {
        await outcomes(throttle(), 100);
        await clock.elapse(SETTINGS.windowMs);
        expect(await outcomeOf(throttle())).to.equal("invalid_token");
        expect(await outcomeOf(throttle(), good)).to.equal("ok");
      });

      it("counts neither who shows no token, nor one that is good for something else, nor a fault", async () => {
        await outcomes(throttle(), 50, refusing("missing_token", 401));
        await outcomes(throttle(), 50, refusing("missing_issuer", 403));
        const broken = (): never => {
          throw new TypeError("broken");
        };
        for (let times = 0; times < 50; times++) {
          const thrown = await watched(throttle(), broken).catch((error: unknown) => error);
          expect(thrown).to.be.an.instanceOf(TypeError);
        }
        expect(await outcomeOf(throttle())).to.equal("invalid_token");
        expect(await outcomeOf(throttle(), good)).to.equal("ok");
      });

      it("counts no good token, however many come one after the other", async () => {
        for (let times = 0; times < 100; times++) expect(await outcomeOf(throttle(), good)).to.equal("ok");
        expect(clock.timers(), "nothing is remembered of them").to.equal(0);
        expect(await outcomes(throttle(), 4)).to.deep.equal([
          "invalid_token",
          "invalid_token",
          "invalid_token",
          "rate_limited",
        ]);
      });

      it("counts those that come at once one by one", async () => {
        const all = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(throttle())));
        expect(all.filter((outcome) => outcome === "invalid_token")).to.have.length(3);
        expect(all.filter((outcome) => outcome === "rate_limited")).to.have.length(97);
      });

      it("forgets when this key changes, and not when another one does", async () => {
        await outcomes(throttle(), 10);
        for (const other of KINDS.filter((one) => one !== kind)) events.emit("keysChanged", { kind: other });
        expect(await outcomeOf(throttle())).to.equal("rate_limited");
        events.emit("keysChanged", { kind });
        expect(await outcomeOf(throttle())).to.equal("invalid_token");
      });

      it("goes by other settings after a reload", async () => {
        await outcomes(throttle(), 10);
        const { config } = configurationOf({ sfus: [] });
        const from = { ...config, authFailures: SETTINGS };
        events.emit("reconfigured", { from, to: { ...config, authFailures: { max: 1, windowMs: 1000 } } });
        expect(await outcomeOf(throttle()), "it stays").to.equal("rate_limited");
        expect(await outcomeOf(throttle(), bad, "192.0.2.2")).to.equal("invalid_token");
        expect(await outcomeOf(throttle(), bad, "192.0.2.2")).to.equal("rate_limited");
        await clock.elapse(1000);
        expect(await outcomeOf(throttle(), bad, "192.0.2.2")).to.equal("invalid_token");
      });

      it("holds nobody who fails at another key", async () => {
        for (const other of KINDS.filter((one) => one !== kind)) await outcomes(throttles[other], 10);
        expect(await outcomeOf(throttle())).to.equal("invalid_token");
        expect(await outcomeOf(throttle(), good)).to.equal("ok");
      });
    });
  }

  for (const kind of ["odoo", "registration"] as const) {
    it(`locks nobody out whose token fits the ${kind} key: the address may be everybody's`, async () => {
      await outcomes(throttles[kind], 100);
      for (let times = 0; times < 10; times++) {
        expect(await outcomeOf(throttles[kind], good)).to.equal("ok");
        expect(await outcomeOf(throttles[kind])).to.equal("rate_limited");
      }
      const many = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(throttles[kind], good)));
      expect(new Set(many)).to.deep.equal(new Set(["ok"]));
    });
  }

  it("looks at no admin token any more, be it the right one", async () => {
    await outcomes(throttles.admin, 3);
    let looks = 0;
    const look = (): number => looks++;
    expect(await outcomeOf(throttles.admin, look)).to.equal("rate_limited");
    expect(looks).to.equal(0);
    expect(await outcomeOf(throttles.admin, look, "192.0.2.2"), "from elsewhere").to.equal("ok");
  });

  it("looks at three of a thousand guesses at the admin token that come at once", async () => {
    let looks = 0;
    const guess = (): never => {
      looks++;
      return bad();
    };
    await Promise.all(Array.from({ length: 1000 }, () => outcomeOf(throttles.admin, guess)));
    expect(looks).to.equal(3);
  });
});
