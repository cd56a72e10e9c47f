import { expect } from "chai";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useNock } from "../support/nock.ts";
import { sfuKey } from "../support/tokens.ts";

const CHANNEL = { uuid: "31dcc5dc-4d26-453e-9bca-ab1f5d268303", url: "https://sfu2.example.com" };

/** One way for an SFU to fail, and what the gateway makes of it. */
interface Failure {
  readonly name: string;
  /** As the metrics and the log call it. */
  readonly outcome: string;
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly error?: string;
  /** The answer that the key check gets, for a failure that draws one. */
  readonly keyCheck?: number;
}

const FAILURES: readonly Failure[] = [
  { name: "refuses the connection", outcome: "refused", error: "ECONNREFUSED" },
  { name: "resets the connection", outcome: "reset", error: "ECONNRESET" },
  { name: "has a name that does not resolve", outcome: "dns", error: "ENOTFOUND" },
  { name: "cannot be routed to", outcome: "unreachable", error: "EHOSTUNREACH" },
  { name: "has a certificate that has expired", outcome: "tls", error: "CERT_HAS_EXPIRED" },
  { name: "answers 500", outcome: "status_5xx", status: 500, keyCheck: 403 },
  { name: "answers 401", outcome: "unauthorized", status: 401, keyCheck: 403 },
  { name: "answers 403 to a token with an iss", outcome: "status_4xx", status: 403 },
  { name: "answers 404", outcome: "status_4xx", status: 404 },
  { name: "answers 429", outcome: "status_4xx", status: 429 },
  { name: "answers 502 through its proxy", outcome: "status_5xx", status: 502 },
  { name: "answers 503 through its proxy", outcome: "status_5xx", status: 503 },
  { name: "answers a redirect", outcome: "redirect", status: 302, headers: { location: "http://elsewhere.test/" } },
  { name: "answers 204", outcome: "garbage", status: 204 },
  { name: "answers garbage", outcome: "garbage", status: 200, body: "<html>Welcome to nginx!</html>" },
  { name: "answers an empty body", outcome: "garbage", status: 200, body: "" },
  { name: "answers JSON without a url", outcome: "garbage", status: 200, body: '{"uuid":"u"}' },
  { name: "answers JSON without a uuid", outcome: "garbage", status: 200, body: '{"url":"https://sfu1"}' },
  {
    name: "answers a url of another scheme",
    outcome: "garbage",
    status: 200,
    body: '{"uuid":"u","url":"file:///etc"}',
  },
  { name: "answers half of its JSON", outcome: "garbage", status: 200, body: '{"uuid":"u","ur' },
  { name: "answers 65 KB", outcome: "too_large", status: 200, body: "x".repeat(65 * 1024) },
];

describe("chaos: an SFU that", () => {
  const nock = useNock("http://sfu1.test", "http://sfu2.test");
  const clock = useFakeClock();
  let gateway: TestGateway;

  beforeEach(async () => {
    gateway = await startGateway({
      sfus: [1, 2].map((number) => ({ address: `http://sfu${String(number)}.test`, key: sfuKey(number) })),
      health: { intervalMs: 2000 },
    });
  });
  afterEach(() => gateway.close());

  const sick = (): ReturnType<typeof nock> => nock("http://sfu1.test");
  const served = (): void => {
    nock("http://sfu2.test").get("/v1/channel").reply(200, CHANNEL);
  };
  const expectServedAfter = async (
    outcome: string,
    joined: Awaited<ReturnType<TestGateway["join"]>>,
  ): Promise<void> => {
    expect(joined).to.deep.include({ status: 200, body: CHANNEL });
    const attempt = (sfu: number, how: string): string =>
      `attempts_total{sfu="http://sfu${String(sfu)}.test",outcome="${how}"}`;
    expect(await gateway.metric(attempt(1, outcome))).to.equal(1);
    expect(await gateway.metric(attempt(2, "ok"))).to.equal(1);
    expect(await gateway.metric(`failovers_total{reason="${outcome}"}`)).to.equal(1);
    expect(await gateway.metric('channel_requests_total{outcome="ok"}')).to.equal(1);
  };

  for (const { name, outcome, status, body = "", headers = {}, error, keyCheck } of FAILURES) {
    it(`${name} is passed over, and the call is served`, async () => {
      if (error !== undefined)
        sick()
          .get("/v1/channel")
          .replyWithError(Object.assign(new Error(error), { code: error }));
      else sick().get("/v1/channel").reply(status, body, headers);
      if (keyCheck !== undefined) sick().get("/v1/channel").reply(keyCheck);
      served();
      await expectServedAfter(outcome, await gateway.join());
      await eventually("everything was asked", () => nock.isDone());
    });
  }

  it("hangs is passed over after its share of the budget, and the call is served", async () => {
    const arrived = Promise.withResolvers<undefined>();
    sick()
      .get("/v1/channel")
      .reply(() => {
        arrived.resolve(undefined);
        return new Promise(() => undefined);
      });
    served();
    const joining = gateway.join();
    await arrived.promise;
    await clock.elapse(1000);
    await expectServedAfter("timeout", await joining);
  });

  it("is slow, but within its share of the budget, serves", async () => {
    const arrived = Promise.withResolvers<undefined>();
    const late = Promise.withResolvers<[number, object]>();
    sick()
      .get("/v1/channel")
      .reply(() => {
        arrived.resolve(undefined);
        return late.promise;
      });
    const joining = gateway.join();
    await arrived.promise;
    await clock.elapse(900);
    late.resolve([200, CHANNEL]);
    expect(await joining).to.deep.include({ status: 200, body: CHANNEL });
    expect(await gateway.metric('failovers_total{reason="timeout"}')).to.equal(0);
  });

  for (const status of [400, 409]) {
    it(`answers ${String(status)} is taken at its word: no other is asked`, async () => {
      sick().get("/v1/channel").reply(status);
      const { status: answered, body } = await gateway.join();
      expect(answered).to.equal(status);
      expect(body).to.include({ error: "refused_by_sfu" });
    });
  }

  it("has another key than the gateway thinks is taken out, loudly, until it is mended", async () => {
    sick().get("/v1/channel").twice().reply(500);
    served();
    expect((await gateway.join()).status).to.equal(200);
    const isOut = async (): Promise<boolean> => (await gateway.metric(up(1))) === 0;
    await eventually("the key check took it out", isOut);
    expect(gateway.logs.filter(({ level, to }) => level === "error" && to === "misconfigured")).to.have.length(1);

    // No call is spent on it any more.
    nock("http://sfu2.test").get("/v1/channel").twice().reply(200, CHANNEL);
    expect((await gateway.join({ iss: "b" })).status).to.equal(200);
    expect((await gateway.join({ iss: "c" })).status).to.equal(200);

    sick().get("/v1/channel").reply(403);
    await clock.elapse(2000);
    await eventually("the key check let it in again", async () => !(await isOut()));
  });

  const up = (sfu: number): string => `sfu_up{sfu="http://sfu${String(sfu)}.test",region="none",source="static"}`;

  it("fails like all the others leaves a quick 503 with Retry-After", async () => {
    for (const number of [1, 2]) {
      nock(`http://sfu${String(number)}.test`)
        .get("/v1/channel")
        .replyWithError(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
    }
    const { status, body, headers } = await gateway.join();
    expect(status).to.equal(503);
    expect(headers.get("retry-after")).to.equal("1");
    expect(body).to.deep.include({ error: "all_candidates_failed", requestId: headers.get("x-request-id") });
    expect(await gateway.metric('channel_requests_total{outcome="all_candidates_failed"}')).to.equal(1);
  });
});
