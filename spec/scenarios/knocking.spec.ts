import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { ask } from "../support/request.ts";
import { sfuKey, token } from "../support/tokens.ts";

const REGISTRATION_KEY = Buffer.from("the key of all who may register").toString("base64");
const ADMIN_TOKEN = "an admin token that nobody guesses";
const OTHER_TOKEN = "an admin token that comes after it";
/** Everybody's, as it is behind a proxy that is not trusted. */
const SHARED = "127.0.0.1";
const ELSEWHERE = "127.0.0.2";

describe("scenario: somebody knocks with bad tokens, from the address that everybody has", function () {
  this.timeout(30_000);
  let fleet: SimulatedFleet;
  let gateway: TestGateway;
  beforeEach(async () => {
    fleet = await startFleet(2, { latencyMs: { min: 0, max: 0 } });
    gateway = await startGateway({
      sfus: fleet.entries,
      env: { SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY, SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN },
      registration: { allow: ["http://127.0.0.1"] },
    });
  });
  afterEach(async () => {
    await gateway.close();
    await fleet.close();
  });

  const bearer = (text: string): RequestInit => ({ headers: { authorization: `Bearer ${text}` } });
  const statusOf = async (path: string, init: RequestInit): Promise<number> => {
    const response = await gateway.get(path, init);
    await response.text();
    return response.status;
  };
  /** How often each status came of so many requests, three at a time: nobody is to be too busy for them. */
  const knock = async (times: number, one: (turn: number) => Promise<number>): Promise<Record<number, number>> => {
    const seen: Record<number, number> = {};
    let turn = 0;
    const knocker = async (): Promise<void> => {
      while (turn < times) {
        const status = await one(turn++);
        seen[status] = (seen[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 3 }, knocker));
    return seen;
  };
  const badKey = (turn: number): string => sfuKey(1000 + turn);
  const refusedLines = (): number => gateway.logs.filter(({ msg }) => String(msg).includes("was refused")).length;

  it("and every call of Odoo's is served, though the gateway has never seen it before", async () => {
    const knocking = knock(500, (turn) => statusOf("/v1/channel", bearer(token({ key: badKey(turn) }))));
    const joins: number[] = [];
    while (joins.length < 100) joins.push((await gateway.join({ iss: `conference ${String(joins.length)}` })).status);
    expect(new Set(joins)).to.deep.equal(new Set([200]));
    const { 401: refused = 0, ...others } = await knocking;
    // A good one that is just being looked at counts, too, until it has been.
    expect(refused).to.be.within(19, 20);
    expect(others).to.deep.equal({ 429: 500 - refused });
    expect(fleet.joins(), "no SFU hears of it").to.equal(100);

    expect(await gateway.metric('rejected_total{reason="invalid_token"}')).to.equal(refused);
    expect(await gateway.metric('rejected_total{reason="rate_limited"}')).to.equal(500 - refused);
    expect(await gateway.metric('channel_requests_total{outcome="rate_limited"}')).to.equal(500 - refused);
    expect(refusedLines(), "five of each kind").to.equal(10);
    expect(gateway.logs.filter(({ outcome }) => outcome === "ok")).to.have.length(100);

    await gateway.close();
    const [invalid, limited] = gateway.logs.slice(-2);
    expect(invalid).to.include({ outcome: "invalid_token", count: refused - 5, senders: 1 });
    expect(limited).to.include({ outcome: "rate_limited", count: 495 - refused, senders: 1 });
  });

  it("and of calls and disconnects the refused tokens count together, for both are Odoo's", async () => {
    const end = (text: string): Promise<number> => statusOf("/v1/disconnect", { method: "POST", body: text });
    expect(await knock(30, (turn) => end(token({ key: badKey(turn) })))).to.deep.equal({ 422: 20, 429: 10 });
    expect(await knock(5, () => statusOf("/v1/channel", bearer("garbage")))).to.deep.equal({ 429: 5 });
    const good = token({ claims: { sessionIdsByChannel: { x: [1] }, exp: 4_000_000_000 } });
    expect(await end(good)).to.equal(200);
    expect((await gateway.join()).status).to.equal(200);
    const said = await gateway.get("/v1/channel", bearer("garbage"));
    expect(said.headers.get("retry-after")).to.match(/^([1-5]?\d|60)$/);
    expect(await said.json()).to.include({
      error: "rate_limited",
      message: "too many tokens from this address were refused",
    });
  });

  it("and SFUs go on registering", async () => {
    const beat = (key: string, address: string): Promise<number> => {
      const claims = { exp: Math.floor(systemClock.now() / 1000) + 60, jti: address };
      const heartbeat = { status: "up", address, region: "eu", key: sfuKey(1), channels: 0, sessions: 0 };
      const body = JSON.stringify({ ...heartbeat, cpuUsage: 0, memoryUsage: 0 });
      return statusOf("/v1/sfu", { method: "POST", body, ...bearer(token({ key, claims })) });
    };
    const address = (turn: number): string => `http://127.0.0.1:${String(20_000 + turn)}`;
    expect(await knock(50, (turn) => beat(badKey(turn), address(turn)))).to.deep.equal({ 401: 20, 429: 30 });
    expect(await knock(50, (turn) => beat(REGISTRATION_KEY, address(turn)))).to.deep.equal({ 200: 50 });
    expect(await gateway.metric('heartbeats_total{outcome="rate_limited"}')).to.equal(30);
    expect(await gateway.metric('rejected_total{reason="invalid_token"}')).to.equal(20);
    expect(refusedLines()).to.equal(10);
  });

  it("and guesses at the admin token come to nothing there, be one of them right, until it is another one", async () => {
    const explain = async (text: string, from = SHARED): Promise<number> =>
      (await ask(`${gateway.url}/v1/explain`, { headers: { authorization: `Bearer ${text}` }, from })).status;
    expect(await knock(100, (turn) => explain(`guess ${String(turn)}`))).to.deep.equal({ 401: 20, 429: 80 });
    expect(await explain(ADMIN_TOKEN)).to.equal(429);
    expect(await explain(ADMIN_TOKEN, ELSEWHERE)).to.equal(200);
    expect((await gateway.join()).status, "a call").to.equal(200);
    expect(gateway.logs.find(({ outcome }) => outcome === "invalid_token")).to.include({
      level: "warn",
      callerAddress: SHARED,
      path: "/v1/explain",
      msg: "GET /v1/explain was refused: this is not the gateway's admin token",
    });

    gateway.reconfigure({ failover: { maxRetries: 2 } });
    expect(await explain(ADMIN_TOKEN), "another setting").to.equal(429);
    gateway.reconfigure({ env: { SFU_GATEWAY_ADMIN_TOKEN: OTHER_TOKEN } });
    expect(await explain(OTHER_TOKEN)).to.equal(200);
  });

  it("and a monitor that shows no token is told so, however often it asks", async () => {
    expect(await knock(100, () => statusOf("/v1/channel", {}))).to.deep.equal({ 401: 100 });
    expect(await knock(100, () => statusOf("/v1/explain", {}))).to.deep.equal({ 401: 100 });
    expect(await gateway.metric('rejected_total{reason="missing_token"}')).to.equal(200);
  });
});
