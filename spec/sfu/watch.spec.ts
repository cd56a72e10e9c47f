import { expect } from "chai";
import { SfuError } from "../../lib/errors.ts";
import { Events } from "../../lib/events.ts";
import type { AttemptBounds, KeyCheck, SfuClient } from "../../lib/sfu/client.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import { watchAttempts } from "../../lib/sfu/watch.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { sfuKey } from "../support/tokens.ts";

const INTERVAL_MS = 2000;

/** A client whose key checks end as the spec says. */
class KeyChecks implements SfuClient {
  readonly asked: { readonly sfu: Sfu; readonly bounds: AttemptBounds }[] = [];
  #ends: PromiseWithResolvers<KeyCheck>[] = [];

  join(): never {
    throw new Error("nobody joins here");
  }

  noop(): never {
    throw new Error("nobody asks here");
  }

  checkKey(sfu: Sfu, bounds: AttemptBounds): Promise<KeyCheck> {
    this.asked.push({ sfu, bounds });
    const end = Promise.withResolvers<KeyCheck>();
    this.#ends.push(end);
    return end.promise;
  }

  answer(isRight: boolean): void {
    for (const end of this.#ends.splice(0)) end.resolve(isRight ? "accepted" : "refused");
  }

  fail(error: unknown): void {
    for (const end of this.#ends.splice(0)) end.reject(error);
  }

  close(): void {
    // Nothing is open.
  }
}

describe("what the gateway learns of an SFU from its attempts", () => {
  const clock = useFakeClock();
  let events: Events;
  let registry: Registry;
  let client: KeyChecks;
  let stop: () => void;
  let sfu: Sfu;
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(events);
    client = new KeyChecks();
    stop = watchAttempts({ intervalMs: INTERVAL_MS, timeoutMs: 500 }, { clock, events, registry, client });
    sfu = sfuOf(1);
    registry.add(sfu);
  });
  afterEach(() => stop());

  const attempt = (error: SfuError | null, of = sfu): void =>
    events.emit("attempt", { requestId: "r", sfu: of, durationMs: 1, error });
  const fault = (message: string): void => events.emit("fault", { sfu, error: new SfuError("reset", message) });
  const status = (code: number): SfuError =>
    new SfuError(code === 401 ? "unauthorized" : code < 500 ? "status_4xx" : "status_5xx", "answered so", code);
  const state = (): string => registry.health(sfu).state;

  it("is nothing before the first one", () => {
    expect(state()).to.equal("unknown");
  });

  it("is that it is healthy, once it has brought a channel", () => {
    attempt(null);
    expect(registry.health(sfu)).to.deep.equal({ state: "healthy", sinceMs: clock.now() });
  });

  it("is that it fails, and why, and since when", async () => {
    const sinceMs = clock.now();
    fault("refused the connection");
    await clock.elapse(100);
    fault("refused the connection");
    expect(registry.health(sfu)).to.deep.equal({ state: "failing", sinceMs, reason: "refused the connection" });
  });

  it("is that it is healthy again after the first success", () => {
    fault("refused the connection");
    attempt(null);
    expect(state()).to.equal("healthy");
  });

  it("is nothing where the failure says nothing of the SFU", () => {
    attempt(null);
    attempt(status(400));
    attempt(new SfuError("aborted", "given up"));
    expect(state()).to.equal("healthy");
    expect(client.asked).to.have.length(0);
  });

  for (const code of [401, 500]) {
    describe(`when it answers ${String(code)}`, () => {
      it("is that its key is wrong, where it fails the key check", async () => {
        attempt(status(code));
        expect(client.asked[0]).to.nested.include({ sfu, "bounds.timeoutMs": 500 });
        client.answer(false);
        await clock.elapse(0);
        expect(registry.health(sfu)).to.include({ state: "misconfigured", sinceMs: clock.now() });
      });

      it("is nothing, where it passes the key check: the request was strange", async () => {
        attempt(null);
        attempt(status(code));
        client.answer(true);
        await clock.elapse(0);
        expect(state()).to.equal("healthy");
      });

      it("is nothing, where the key check has no verdict", async () => {
        attempt(null);
        attempt(status(code));
        client.fail(new SfuError("timeout", "did not answer"));
        await clock.elapse(0);
        expect(state()).to.equal("healthy");
      });
    });
  }

  for (const code of [400, 403, 404, 502, 503]) {
    it(`draws no key check where it answers ${String(code)}`, () => {
      attempt(status(code));
      expect(client.asked).to.have.length(0);
    });
  }

  it("leaves it failing where it passes the key check: that says nothing of what failed", async () => {
    fault("answered with status 500");
    attempt(status(500));
    client.answer(true);
    await clock.elapse(0);
    expect(state()).to.equal("failing");
  });

  it("draws one key check an interval from a flood of 500s", async () => {
    for (let second = 0; second < 10; second++) {
      for (let request = 0; request < 1000; request++) attempt(status(500));
      client.answer(true);
      await clock.elapse(1000);
    }
    expect(client.asked).to.have.length(5);
  });

  it("draws a key check for each SFU that answers 500", () => {
    const other = sfuOf(2);
    registry.add(other);
    attempt(status(500));
    attempt(status(500), other);
    expect(client.asked.map((check) => check.sfu)).to.deep.equal([sfu, other]);
  });

  describe("once its key is known to be wrong", () => {
    beforeEach(async () => {
      attempt(status(401));
      client.answer(false);
      await clock.elapse(0);
      client.asked.length = 0;
    });

    it("is asked every interval whether the key fits by now, and is healthy once it does", async () => {
      await clock.elapse(INTERVAL_MS);
      client.answer(false);
      await clock.elapse(INTERVAL_MS);
      expect(client.asked).to.have.length(2);
      expect(state()).to.equal("misconfigured");
      client.answer(true);
      await clock.elapse(0);
      expect(state()).to.equal("healthy");
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked).to.have.length(2);
    });

    it("keeps the moment since when it is so", async () => {
      const before = registry.health(sfu);
      await clock.elapse(INTERVAL_MS);
      client.answer(false);
      await clock.elapse(0);
      expect(registry.health(sfu)).to.equal(before);
    });

    it("stays so where the check has no verdict, and where a late attempt fails or brings a channel", async () => {
      await clock.elapse(INTERVAL_MS);
      client.fail(new SfuError("refused", "refused the connection"));
      await clock.elapse(0);
      fault("refused the connection");
      attempt(null);
      expect(state()).to.equal("misconfigured");
    });

    it("is asked no more once it has left", async () => {
      registry.remove(sfu.address);
      await clock.elapse(10 * INTERVAL_MS);
      expect(client.asked).to.have.length(0);
    });
  });

  it("is not what a check of the key before said, where it came back with another key meanwhile", async () => {
    attempt(status(401));
    registry.remove(sfu.address);
    registry.add(sfuOf(1));
    client.answer(false);
    await clock.elapse(0);
    expect(state()).to.equal("unknown");
  });

  it("ends with the watch: a check under way is given up, and no other follows", async () => {
    attempt(status(401));
    client.answer(false);
    await clock.elapse(INTERVAL_MS);
    expect(client.asked).to.have.length(2);
    stop();
    expect(client.asked[1]!.bounds.signal!.aborted).to.be.true;
    await clock.elapse(10 * INTERVAL_MS);
    expect(client.asked).to.have.length(2);
  });
});

describe("an SFU with a wrong key behind a gateway", () => {
  const clock = useFakeClock();
  const start = useSimulatedSfus();
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  for (const family of ["odoo-sfu", "o-sfu"] as const) {
    it(`is out of the rotation until its key is mended (${family})`, async () => {
      const [wrong, right] = [await start({ family }), await start({ family, key: sfuKey(2) })];
      await wrong.break({ kind: "unauthorized" });
      gateway = await startGateway({
        sfus: [
          { address: wrong.address, key: sfuKey(1), region: "eu" },
          { address: right.address, key: sfuKey(2), region: "us" },
        ],
        health: { intervalMs: INTERVAL_MS },
      });
      const wrongState = async (): Promise<unknown> =>
        ((await (await gateway.get("/v1/health")).json()) as { sfus: { state: string }[] }).sfus[0]?.state;
      /** Lets no time pass for the gateway, only for its sockets. */
      const join = async (iss: string): Promise<number> => {
        const joined = gateway.join({ iss, query: "region=eu" });
        let isOver = false;
        void joined.finally(() => (isOver = true));
        await eventually("the join is answered", async () => {
          await clock.elapse(0);
          return isOver;
        });
        return (await joined).status;
      };

      expect(await join("first")).to.equal(200);
      await eventually("the key check has ended", async () => (await wrongState()) === "misconfigured");
      wrong.clearRequests();
      for (let n = 0; n < 5; n++) expect(await join(`later ${String(n)}`)).to.equal(200);
      expect(wrong.requests).to.have.length(0);
      expect(right.channels).to.have.length(6);

      await wrong.heal();
      await clock.elapse(INTERVAL_MS);
      await eventually("the key is found right", async () => (await wrongState()) === "healthy");
      expect(await join("last")).to.equal(200);
      expect(wrong.channels).to.have.length(1);
    });
  }
});
