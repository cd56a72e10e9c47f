import { expect } from "chai";
import { useFakeClock } from "../support/clock.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { ask, type Answered } from "../support/request.ts";
import { token } from "../support/tokens.ts";

const MINUTE_MS = 60_000;
const LIMIT = { requests: 3, windowMs: MINUTE_MS };
const PROXY = "127.0.0.9";

describe("[rate_limit]", () => {
  const clock = useFakeClock();
  let fleet: SimulatedFleet;
  let gateway: TestGateway;
  beforeEach(async () => {
    fleet = await startFleet(1, { latencyMs: { min: 0, max: 0 } });
  });
  afterEach(async () => {
    await gateway.close();
    await fleet.close();
  });
  const open = async (setup: Partial<GatewaySetup> = {}): Promise<void> => {
    gateway = await startGateway({ sfus: fleet.entries, rateLimit: LIMIT, ...setup });
  };

  const get = (path: string, from: string, headers: Record<string, string> = {}): Promise<Answered> =>
    ask(gateway.url + path, { from, headers });
  /** The statuses of so many requests, one after the other. */
  const statuses = async (count: number, ...asked: Parameters<typeof get>): Promise<readonly number[]> => {
    const all: number[] = [];
    while (all.length < count) all.push((await get(...asked)).status);
    return all;
  };
  const odoo = { authorization: `Bearer ${token()}` };
  const linesOf = (outcome: string): readonly (readonly [caller: unknown, msg: string])[] =>
    gateway.logs.filter((line) => line.outcome === outcome).map((line) => [line.callerAddress, String(line.msg)]);

  it("is off unless it says how many", async () => {
    await open({ rateLimit: null });
    expect(new Set(await statuses(30, "/v1/health", "127.0.0.1"))).to.deep.equal(new Set([200]));
  });

  it("has one address wait until its window is over, and no other one", async () => {
    await open();
    expect(await statuses(5, "/v1/health", "127.0.0.1")).to.deep.equal([200, 200, 200, 429, 429]);
    expect(await statuses(3, "/v1/health", "127.0.0.2")).to.deep.equal([200, 200, 200]);
    await clock.elapse(MINUTE_MS - 1500);
    expect((await get("/v1/health", "127.0.0.1")).headers["retry-after"]).to.equal("2");
    await clock.elapse(1500);
    expect(await statuses(4, "/v1/health", "127.0.0.1")).to.deep.equal([200, 200, 200, 429]);
  });

  it("says so in the form of all errors", async () => {
    await open();
    await statuses(3, "/v1/channel", "127.0.0.1", odoo);
    const { status, headers, body } = await get("/v1/channel", "127.0.0.1", { ...odoo, "x-request-id": "mine" });
    expect(status).to.equal(429);
    expect(headers).to.include({ "retry-after": "60", "x-request-id": "mine" });
    expect(JSON.parse(body)).to.deep.equal({
      error: "rate_limited",
      message: "too many requests from this address: 3 in 60 s is the most",
      requestId: "mine",
    });
  });

  it("turns a call away before its token is looked at and before any SFU is asked", async () => {
    await open({ authFailures: { max: 1 } });
    await statuses(3, "/v1/health", "127.0.0.1");
    const bad = { authorization: "Bearer garbage" };
    expect(await statuses(5, "/v1/channel", "127.0.0.1", bad)).to.deep.equal([429, 429, 429, 429, 429]);
    expect(await statuses(2, "/v1/channel", "127.0.0.1", odoo)).to.deep.equal([429, 429]);
    expect(fleet.joins()).to.equal(0);
    await clock.elapse(MINUTE_MS);
    expect((await get("/v1/channel", "127.0.0.1", bad)).status, "no token was counted").to.equal(401);
  });

  it("holds for every route, for what is not there, and for other methods, together", async () => {
    const env = {
      SFU_GATEWAY_ADMIN_TOKEN: "an admin token of some length",
      SFU_GATEWAY_REGISTRATION_KEY: Buffer.from("the key of all who may register").toString("base64"),
    };
    await open({ env });
    expect(await statuses(3, "/nowhere", "127.0.0.1")).to.deep.equal([404, 404, 404]);
    const limited = gateway.app
      .routes()
      .filter((route) => !/ (\/healthz|\/readyz|\/noop|\/v1\/noop|\/metrics)$/.test(route));
    expect(limited).to.include.members(["GET /v1/channel", "POST /v1/disconnect", "POST /v1/sfu", "GET /v1/explain"]);
    for (const route of [...limited, "GET /nowhere", "DELETE /v1/channel", "POST /healthz", "HEAD /v1/channel"]) {
      const [method, path] = route.split(" ") as [string, string];
      const { status } = await ask(gateway.url + path, { method, from: "127.0.0.1" });
      expect(status, route).to.equal(429);
    }
  });

  it("never turns away whoever watches the gateway", async () => {
    await open();
    await statuses(10, "/v1/health", "127.0.0.1");
    for (const path of ["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics"]) {
      expect(await statuses(4, path, "127.0.0.1"), path).to.deep.equal([200, 200, 200, 200]);
    }
  });

  it("goes by the caller that a trusted proxy names, IPv6 ones by their network", async () => {
    await open({ env: { SFU_GATEWAY_TRUST_PROXY: PROXY } });
    const from = async (forwarded: string, count = 1): Promise<readonly number[]> =>
      statuses(count, "/v1/health", PROXY, { "x-forwarded-for": forwarded });
    expect(await from("192.0.2.1", 4)).to.deep.equal([200, 200, 200, 429]);
    expect(await from("10.1.1.1, 192.0.2.1")).to.deep.equal([429]);
    expect(await from("192.0.2.2")).to.deep.equal([200]);
    for (const host of [":1", ":2", "ffff::3"]) expect(await from(`2001:db8:0:7:${host}`), host).to.deep.equal([200]);
    expect(await from("2001:db8:0:7::4")).to.deep.equal([429]);
    expect(await from("2001:db8:0:8::4")).to.deep.equal([200]);
    expect(gateway.logs.filter(({ msg }) => String(msg).includes("trusted proxy"))).to.deep.equal([]);
  });

  it("takes nobody's word for being somebody else, and says once what that may mean", async () => {
    await open();
    const lie = (caller: number): Promise<Answered> =>
      get("/v1/health", "127.0.0.1", { "x-forwarded-for": `192.0.2.${String(caller)}` });
    const all: number[] = [];
    for (let caller = 0; caller < 5; caller++) all.push((await lie(caller)).status);
    expect(all).to.deep.equal([200, 200, 200, 429, 429]);
    expect(gateway.logs.filter(({ msg }) => String(msg).includes("trusted proxy"))).to.have.length(1);
    expect(gateway.logs.find(({ msg }) => String(msg).includes("trusted proxy"))).to.include({
      level: "warn",
      address: "127.0.0.1",
    });
  });

  it("says nothing of proxies where nobody is limited", async () => {
    await open({ rateLimit: null });
    await get("/v1/health", "127.0.0.1", { "x-forwarded-for": "192.0.2.1" });
    expect(gateway.logs.filter(({ msg }) => String(msg).includes("trusted proxy"))).to.deep.equal([]);
  });

  it("is counted one by one, and told in a few lines", async () => {
    await open();
    await statuses(3, "/v1/channel", "127.0.0.1", odoo);
    await statuses(40, "/v1/channel", "127.0.0.1", odoo);
    await statuses(2, "/v1/health", "127.0.0.1");
    expect(await gateway.metric('rejected_total{reason="rate_limited"}')).to.equal(42);
    expect(await gateway.metric('channel_requests_total{outcome="rate_limited"}')).to.equal(40);
    const line = "GET /v1/channel was refused: too many requests from this address: 3 in 60 s is the most";
    expect(linesOf("rate_limited")).to.deep.equal(Array.from({ length: 5 }, () => ["127.0.0.1", line]));
    await clock.elapse(MINUTE_MS);
    expect(gateway.logs.at(-1)).to.include({ level: "warn", outcome: "rate_limited", count: 37, senders: 1 });
    expect(gateway.logs.at(-1)!.msg).to.equal(
      "37 more were refused within a minute, of 1 sender, and have no line each: rate_limited",
    );
  });

  it("can be turned on, changed and off while the gateway runs", async () => {
    await open({ rateLimit: null });
    await statuses(10, "/v1/health", "127.0.0.1");
    gateway.reconfigure({ rateLimit: LIMIT });
    expect(await statuses(4, "/v1/health", "127.0.0.1")).to.deep.equal([200, 200, 200, 429]);
    gateway.reconfigure({ failover: { maxRetries: 2 } });
    expect(await statuses(1, "/v1/health", "127.0.0.1"), "another setting").to.deep.equal([429]);
    gateway.reconfigure({ rateLimit: null });
    expect(await statuses(1, "/v1/health", "127.0.0.1")).to.deep.equal([200]);
  });
});
