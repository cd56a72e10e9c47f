import { expect } from "chai";
import type { SfuReport } from "../../lib/api/fleet.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useNock } from "../support/nock.ts";
import { sfuKey } from "../support/tokens.ts";

const RESET_MS = 10_000;

describe("chaos: the life of a breaker", () => {
  const nock = useNock("http://eu.test", "http://us.test");
  const clock = useFakeClock();
  let gateway: TestGateway;
  let conferences: number;

  beforeEach(async () => {
    conferences = 0;
    gateway = await startGateway({
      sfus: ["eu", "us"].map((region, index) => ({
        address: `http://${region}.test`,
        key: sfuKey(index + 1),
        region,
      })),
      breaker: { minimumRequests: 3, resetTimeoutMs: RESET_MS },
    });
  });
  afterEach(() => gateway.close());

  const answer = (region: string): void => {
    nock(`http://${region}.test`)
      .get("/v1/channel")
      .reply(200, { uuid: "u", url: `https://${region}.example.com` });
  };
  const refuse = (region: string): void => {
    nock(`http://${region}.test`)
      .get("/v1/channel")
      .replyWithError(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
  };
  /** A new conference that wants to be in the eu. @returns who served it */
  const call = async (): Promise<unknown> => {
    const { status, body } = await gateway.join({ iss: `room ${String(++conferences)}`, query: "region=eu" });
    expect(status).to.equal(200);
    return body.url;
  };
  const state = async (): Promise<string[]> => {
    const states = ["closed", "open", "half_open"];
    const values = await Promise.all(
      states.map((name) => gateway.metric(`breaker_state{sfu="http://eu.test",region="eu",state="${name}"}`)),
    );
    return states.filter((_, index) => values[index] === 1);
  };
  const transitions = (to: string): Promise<number> =>
    gateway.metric(`breaker_transitions_total{sfu="http://eu.test",to="${to}"}`);
  const failUntilOpen = async (): Promise<void> => {
    for (let count = 0; count < 3; count++) {
      refuse("eu");
      answer("us");
      expect(await call()).to.equal("https://us.example.com");
    }
  };

  it("begins closed, opens after failures, and spares the SFU while it is open", async () => {
    expect(await state()).to.deep.equal(["closed"]);
    await failUntilOpen();
    expect(await state()).to.deep.equal(["open"]);
    expect(await transitions("open")).to.equal(1);

    // nock has nothing for eu: a request there would fail the spec.
    answer("us");
    expect(await call()).to.equal("https://us.example.com");
    expect(await gateway.metric('sfu_up{sfu="http://eu.test",region="eu",source="static"}')).to.equal(0);
  });

  /** What the key check finds when the breaker is half-open: 403 is the answer of an SFU that knows its key. */
  const keyCheckFinds = (region: string, status: number): void => {
    nock(`http://${region}.test`).get("/v1/channel").reply(status);
  };
  const afterReset = async (expected: string): Promise<void> => {
    await clock.elapse(RESET_MS);
    await eventually(`the breaker is ${expected}`, async () => (await state())[0] === expected);
  };

  it("is tried by a key check after the reset time, not by somebody's call, and closes when that passes", async () => {
    await failUntilOpen();
    keyCheckFinds("eu", 403);
    await afterReset("closed");
    answer("eu");
    expect(await call()).to.equal("https://eu.example.com");
    expect([await transitions("open"), await transitions("half_open"), await transitions("closed")]).to.deep.equal([
      1, 1, 1,
    ]);
  });

  it("opens again when the key check fails, and no call has felt it", async () => {
    await failUntilOpen();
    keyCheckFinds("eu", 502);
    await clock.elapse(RESET_MS);
    await eventually("the trial has failed", async () => (await transitions("open")) === 2);
    answer("us");
    expect(await call()).to.equal("https://us.example.com");
  });

  it("opens again at the first call that fails after the key check, and that call is served by another SFU", async () => {
    await failUntilOpen();
    keyCheckFinds("eu", 403);
    await afterReset("closed");
    refuse("eu");
    answer("us");
    expect(await call()).to.equal("https://us.example.com");
    expect(await state()).to.deep.equal(["open"]);
  });

  it("lets one call try where the key check decides nothing", async () => {
    await failUntilOpen();
    keyCheckFinds("eu", 404);
    await clock.elapse(RESET_MS);
    await eventually("the key check is over", () => nock.isDone());
    await eventually("a call may try", async () => {
      const { sfus } = (await (await gateway.get("/v1/health")).json()) as { sfus: SfuReport[] };
      return sfus[0]!.available;
    });
    expect(await state()).to.deep.equal(["half_open"]);
    answer("eu");
    expect(await call()).to.equal("https://eu.example.com");
    expect(await state()).to.deep.equal(["closed"]);
  });

  describe("of all SFUs at once", () => {
    beforeEach(async () => {
      for (let count = 0; count < 3; count++) {
        refuse("eu");
        refuse("us");
        expect((await gateway.join({ iss: String(count), query: "region=eu" })).status).to.equal(503);
      }
    });

    it("says that there is none, and is tried by calls all the same, so that the first that is back serves", async () => {
      expect((await gateway.get("/v1/health")).status).to.equal(503);
      expect((await gateway.get("/readyz")).status).to.equal(503);
      refuse("eu");
      answer("us");
      expect(await call()).to.equal("https://us.example.com");
      expect((await gateway.get("/readyz")).status).to.equal(200);
      answer("us");
      expect(await call()).to.equal("https://us.example.com");
    });

    it("gives the call that finds nobody its 503", async () => {
      refuse("eu");
      refuse("us");
      const { status, body, headers } = await gateway.join({ iss: "another", query: "region=eu" });
      expect(status).to.equal(503);
      expect(body).to.include({ error: "all_candidates_failed" });
      expect(headers.get("retry-after")).to.equal("1");
    });
  });

  it("tells the log what it does, in words", async () => {
    await failUntilOpen();
    keyCheckFinds("eu", 403);
    await afterReset("closed");
    const lines = gateway.logs.flatMap(({ level, msg, from }) =>
      from === undefined ? [] : [`${String(level)} ${String(msg)}`],
    );
    expect(lines).to.include.members([
      "error breaker of http://eu.test is open: it gets no calls for now",
      "info breaker of http://eu.test is half-open: it is tried",
      "info breaker of http://eu.test is closed: it gets calls again",
    ]);
  });
});
