import type { Socket } from "node:net";
import { expect } from "chai";
import { SECURITY_HEADERS } from "../../lib/http/security-headers.ts";
import { eventually } from "../support/eventually.ts";
import { useOffice } from "../support/office.ts";
import { callRaw } from "../support/sockets.ts";

/** Longer than any spec lets them wait. */
const PATIENT = { attemptTimeoutMs: 60_000, retryTimeoutMs: 60_000 };

/** One that is no call, and is never sent to its end. */
const BODY_TO_COME = "POST /v1/disconnect HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";

describe("a gateway that has as many requests in hand as it takes", () => {
  let callers: AbortController;
  const unfinished: Socket[] = [];
  // Ahead of the office's own, which waits for whoever is in hand.
  afterEach(() => leave());
  const leave = (): void => {
    callers.abort();
    for (const socket of unfinished.splice(0)) socket.destroy();
  };
  const office = useOffice(1, { gateway: { limits: { maxRequests: 2 }, failover: PATIENT } });
  beforeEach(async () => {
    callers = new AbortController();
    await office.fleet.break({ kind: "hang" }, 0);
    for (const iss of ["one", "two"]) {
      void office.gateway.join({ iss, signal: callers.signal }).catch(() => undefined);
    }
    for (let time = 0; time < 2; time++) unfinished.push((await callRaw(office.gateway.url, BODY_TO_COME)).socket);
    await eventually("two calls are in hand, and two others", async () => (await inHand()) === 4);
  });
  const inHand = (): Promise<number> => office.gateway.metric("requests_in_flight");
  const lines = (start: string): number =>
    office.gateway.logs.filter(({ msg }) => String(msg).startsWith(start)).length;

  it("answers one more with a 503 that has all that an answer should have, and asks no SFU", async () => {
    await eventually("both were passed on", () => office.fleet.joins() === 2);
    const { status, headers, body } = await office.gateway.join({ headers: { "x-request-id": "from.a-proxy" } });
    expect(status).to.equal(503);
    expect(body).to.deep.equal({
      error: "too_busy",
      message: "the gateway has as many requests in hand as it can answer in time",
      requestId: "from.a-proxy",
    });
    expect(headers.get("x-request-id")).to.equal("from.a-proxy");
    expect(headers.get("retry-after")).to.equal("1");
    expect(headers.get("content-type")).to.equal("application/json; charset=utf-8");
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(headers.get(name), name).to.equal(value);
    expect(office.fleet.joins()).to.equal(2);
  });

  it("gives it an id of its own where it brings none", async () => {
    const { headers, body } = await office.gateway.join();
    expect(body.requestId)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.to.equal(headers.get("x-request-id"));
  });

  for (const path of ["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics", "/metrics?x", "/v1/health"]) {
    it(`answers ${path} as ever, for somebody wants to see what is going on`, async () => {
      expect((await office.gateway.get(path)).status).to.equal(200);
    });
  }

  for (const path of [
    "/v1/channel",
    "/v1/channel?region=eu",
    "/v1/disconnect",
    "/dashboard",
    "/nowhere",
    "/healthz/",
  ]) {
    it(`turns away ${path}`, async () => {
      expect((await office.gateway.get(path)).status).to.equal(503);
    });
  }

  it("throws a body away, and serves the next request on that connection", async () => {
    const body = "x".repeat(200_000);
    const head = `POST /v1/disconnect HTTP/1.1\r\nHost: x\r\nContent-Length: ${String(body.length)}\r\n\r\n`;
    const caller = await callRaw(office.gateway.url, `${head}${body}GET /noop HTTP/1.1\r\nHost: x\r\n\r\n`);
    await eventually("both are answered", () => caller.received().includes('{"status":"ok"}'));
    expect(caller.received().match(/HTTP\/1\.1 \d+/g)).to.deep.equal(["HTTP/1.1 503", "HTTP/1.1 200"]);
    caller.socket.destroy();
  });

  it("asks nobody for a body who asks first whether he may send it", async () => {
    const head = "POST /v1/disconnect HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    const caller = await callRaw(office.gateway.url, head);
    await eventually("it is answered", () => caller.received() !== "");
    expect(caller.received()).to.match(/^HTTP\/1\.1 503/);
    caller.socket.destroy();
  });

  it("lets in the next as soon as one has ended", async () => {
    callers.abort();
    await office.fleet.sfus[0]!.heal();
    await eventually("no call is in hand", async () => (await inHand()) === 2);
    expect((await office.gateway.join({ iss: "three" })).status).to.equal(200);
    await eventually("nor is that one", async () => (await inHand()) === 2);
  });

  it("counts whom it turns away, and of calls what became of them", async () => {
    for (let time = 0; time < 3; time++) await office.gateway.join();
    await office.gateway.get("/nowhere");
    expect(await office.gateway.metric('rejected_total{reason="too_busy"}')).to.equal(4);
    expect(await office.gateway.metric('channel_requests_total{outcome="too_busy"}')).to.equal(3);
  });

  it("has a line for all of a second, and one when it is over; none for each", async () => {
    for (let time = 0; time < 5; time++) await office.gateway.join();
    await eventually(
      "it says so",
      () => lines("too busy: turned away 5 requests in the last second, 4 are in hand") === 1,
    );
    await eventually("it is over", () => lines("no longer too busy: turned away 5 requests within 2 seconds") === 1);
    expect(lines("no channel"), "lines of single calls").to.equal(0);
    expect(office.gateway.logs.filter(({ outcome }) => outcome === "too_busy")).to.deep.equal([]);
  });

  it("says that the connection is over while it shuts down", async () => {
    const caller = await callRaw(
      office.gateway.url,
      "GET /noop HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/channel HTTP/1.1\r\n",
    );
    await eventually("the first is answered", () => caller.received().includes('{"status":"ok"}'));
    const closed = office.gateway.app.close();
    caller.socket.write("Host: x\r\n\r\n");
    await eventually("so is the second", () => caller.received().includes("too_busy"));
    expect(caller.received().split("HTTP/1.1 503")[1]).to.match(/^Connection: close\r$/im);
    await caller.closed;
    leave();
    await closed;
  });
});
