import { expect } from "chai";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type GatewaySetup, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

describe("GET /v1/channel", () => {
  const start = useSimulatedSfus();
  let sfu: SimulatedSfu;
  let gateway: TestGateway;
  const open = async (
    setup: Partial<GatewaySetup> = {},
    entry: Readonly<Record<string, unknown>> = {},
  ): Promise<void> => {
    gateway = await startGateway({ sfus: [{ address: sfu.address, key: sfuKey(1), ...entry }], ...setup });
  };
  beforeEach(async () => {
    sfu = await start();
  });
  afterEach(() => gateway.close());

  it("answers the channel and nothing else", async () => {
    await open();
    const { status, body, headers } = await gateway.join();
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ uuid: sfu.channels[0]!.uuid, url: sfu.address });
    expect(headers.get("content-type")).to.equal("application/json; charset=utf-8");
  });

  it("answers the SFU's public URL", async () => {
    await open({}, { public_url: "https://sfu1.example.com/" });
    expect((await gateway.join()).body).to.have.property("url", "https://sfu1.example.com");
  });

  it("forwards the query without what is the gateway's", async () => {
    await open();
    await gateway.join({ query: "b=%2f&region=eu-west-3&recordingAddress=https%3A%2F%2Fx&&country=BE&b" });
    expect(sfu.requests[0]!.query).to.equal("b=%2f&recordingAddress=https%3A%2F%2Fx&&b");
  });

  it("hands on the claims, under the SFU's key", async () => {
    await open();
    const claims: Record<string, unknown> = { ...claimsOf("room"), unknown: { nested: [1, "é"] } };
    await gateway.join({ token: token({ claims }) });
    // It verifies, else there were no channel.
    expect(sfu.channels[0]).to.include({ iss: "room", key: claims.key });
    expect(sfu.requests[0]!.claims).to.deep.equal(claims);
  });

  describe("tells the SFU, of who calls,", () => {
    const forwarded = async (given: string, trustProxy?: string): Promise<unknown> => {
      await open(trustProxy === undefined ? {} : { env: { SFU_GATEWAY_TRUST_PROXY: trustProxy } });
      await gateway.join({ headers: { "x-forwarded-for": given, "x-forwarded-host": "evil.test" } });
      expect(sfu.requests[0]!.headers).to.include({ "x-forwarded-host": new URL(sfu.address).host });
      return sfu.requests[0]!.headers["x-forwarded-for"];
    };

    it("the socket's address, whatever he claims", async () => {
      expect(await forwarded("198.51.100.1")).to.equal("127.0.0.1");
    });

    it("what trusted proxies say", async () => {
      expect(await forwarded("198.51.100.1, 203.0.113.7, 10.0.0.1", "127.0.0.0/8,10.0.0.0/8")).to.equal("203.0.113.7");
    });

    it("an IPv6 address that trusted proxies say", async () => {
      expect(await forwarded("2001:db8::7", "127.0.0.1")).to.equal("2001:db8::7");
    });
  });

  describe("refuses, and asks no SFU,", () => {
    const cases: Readonly<Record<string, readonly [string | null, number, string]>> = {
      "a request without a token": [null, 401, "missing_token"],
      "a scheme without a token": ["Bearer ", 401, "missing_token"],
      garbage: ["Bearer garbage", 401, "invalid_token"],
      "a token under another key": [`Bearer ${token({ key: OTHER_KEY })}`, 401, "invalid_token"],
      "an expired token": [`Bearer ${token({ claims: { ...claimsOf("a"), exp: 1 } })}`, 401, "invalid_token"],
      "a token without iss": [`Bearer ${token({ claims: { exp: 4_000_000_000 } })}`, 403, "missing_issuer"],
      "a seed that is none": [
        `Bearer ${token({ claims: { iss: "a", keySeed: 1, exp: 4_000_000_000 } })}`,
        400,
        "invalid_claims",
      ],
    };
    for (const [what, [authorization, status, error]] of Object.entries(cases)) {
      it(what, async () => {
        await open();
        const headers = authorization === null ? {} : { authorization };
        const response = await gateway.get("/v1/channel", { headers });
        const body = (await response.json()) as Record<string, unknown>;
        expect(response.status).to.equal(status);
        expect(body).to.have.all.keys("error", "message", "requestId");
        expect(body).to.include({ error, requestId: response.headers.get("x-request-id") });
        expect(response.headers.has("retry-after")).to.be.false;
        expect(sfu.requests).to.have.length(0);
        expect(await gateway.metric(`channel_requests_total{outcome="${error}"}`)).to.equal(1);
      });
    }
  });

  for (const status of [400, 409]) {
    it(`passes on the SFU's ${String(status)}`, async () => {
      await open();
      await sfu.break({ kind: "status", status });
      const joined = await gateway.join();
      expect(joined.status).to.equal(status);
      expect(joined.body).to.include({ error: "refused_by_sfu" });
      expect(joined.headers.has("retry-after")).to.be.false;
    });
  }

  it("answers 503 and when to come back where all have failed", async () => {
    await open();
    await sfu.break({ kind: "reset" });
    const { status, body, headers } = await gateway.join();
    expect(status).to.equal(503);
    expect(body).to.include({ error: "all_candidates_failed" });
    expect(headers.get("retry-after")).to.equal("1");
  });

  it("answers 503 and when to come back where nobody can be asked", async () => {
    await open({ env: { SFU_GATEWAY_ADMIN_TOKEN: "an admin token" } });
    const drained = await gateway.get("/v1/sfu/drain", {
      method: "POST",
      headers: { authorization: "Bearer an admin token" },
      body: JSON.stringify({ address: sfu.address }),
    });
    expect(drained.status).to.equal(200);
    const { status, body, headers } = await gateway.join();
    expect(status).to.equal(503);
    expect(body).to.include({ error: "no_sfu_available" });
    expect(headers.get("retry-after")).to.equal("1");
  });

  it("hangs up on the SFU when the caller does, and calls it nobody's fault", async () => {
    await open();
    await sfu.break({ kind: "hang" });
    const caller = new AbortController();
    const attempt = gateway.join({ signal: caller.signal }).catch((error: unknown) => error);
    await eventually("the request has arrived", () => sfu.requests.length === 1);
    caller.abort();
    await attempt;
    await eventually("the SFU has been hung up on", () => sfu.requests[0]!.aborted);
    await eventually("it is in the log", () => gateway.logs.some(({ outcome }) => outcome === "caller_gone"));
    expect(gateway.logs.filter(({ level }) => level === "error")).to.deep.equal([]);
  });

  it("lets neither the token nor a key get into an answer or the log", async () => {
    await open();
    await gateway.join();
    await sfu.break({ kind: "garbage" });
    await gateway.join({ iss: "another" });
    const shown = JSON.stringify(gateway.logs);
    for (const secret of [sfuKey(1), OTHER_KEY, "eyJ", claimsOf("room").key as string]) {
      expect(shown).not.to.contain(secret);
    }
  });
});
