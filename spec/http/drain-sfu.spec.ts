import { expect } from "chai";
import { Secret } from "../../lib/auth/secret.ts";
import { createThrottles } from "../../lib/auth/throttle.ts";
import { systemClock } from "../../lib/clock.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { drainSfu } from "../../lib/http/drain-sfu.ts";
import { requireAdmin } from "../../lib/http/require-admin.ts";
import { createDrains } from "../../lib/sfu/drains.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { createMemoryStore } from "../../lib/store/memory.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { type ServedRoutes, serveRoutes } from "../support/routes.ts";
import { callRaw } from "../support/sockets.ts";

const TOKEN = "Zk7qXw9-the-admin-token é";

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

describe("POST /v1/sfu/drain and /v1/sfu/undrain", () => {
  const sfu = sfuOf(1, { address: "http://10.0.0.5:8070" });
  let server: ServedRoutes;
  let url: string;
  let registry: Registry;
  let rejected: EventMap["rejected"][];
  let troubles: unknown[];
  beforeEach(async () => {
    const clock = systemClock;
    const events = new Events();
    rejected = [];
    troubles = [];
    events.on("rejected", (event) => rejected.push(event));
    events.on("unexpected", ({ error }) => troubles.push(error));
    registry = createRegistry(clock, events);
    registry.put(sfu);
    registry.put(sfuOf(2, { address: "https://sfu2.example.com/behind/a/prefix" }));
    const drains = createDrains({ store: createMemoryStore(clock), registry, events, clock });
    const admin = requireAdmin(new Secret(TOKEN), createThrottles({ max: 20, windowMs: 60_000 }, events).admin);
    server = await serveRoutes(
      [
        ["POST", "/v1/sfu/drain", admin, drainSfu({ registry, drains }, true)],
        ["POST", "/v1/sfu/undrain", admin, drainSfu({ registry, drains }, false)],
      ],
      { clock, events, onError: (error) => troubles.push(error) },
    );
    url = server.url;
  });
  afterEach(async () => {
    await server.close();
    expect(troubles).to.deep.equal([]);
  });

  const BEARER = `Bearer ${Buffer.from(TOKEN).toString("latin1")}`;

  const post = async (path: string, body: string, authorization: string | null = BEARER): Promise<Answered> => {
    const headers = authorization === null ? {} : { authorization };
    const response = await fetch(`${url}/v1/sfu/${path}`, { method: "POST", headers, body });
    return { status: response.status, body: (await response.json()) as Answered["body"] };
  };
  const drain = (address: unknown): Promise<Answered> => post("drain", JSON.stringify({ address }));
  const undrain = (address: unknown): Promise<Answered> => post("undrain", JSON.stringify({ address }));

  const expectRefused = (answered: Answered, status: number, error: string, message: RegExp): void => {
    expect(answered.status).to.equal(status);
    expect(answered.body).to.have.all.keys("error", "message", "requestId");
    expect(answered.body).to.include({ error });
    expect(answered.body.message).to.match(message);
    expect(registry.isDraining(sfu)).to.be.false;
  };

  it("drain an SFU, and undrain it", async () => {
    expect(await drain(sfu.address)).to.deep.equal({
      status: 200,
      body: { address: sfu.address, draining: true, changed: true, durable: false, sessions: null },
    });
    expect(registry.isDraining(sfu)).to.be.true;
    expect((await drain(sfu.address)).body).to.include({ draining: true, changed: false });
    expect(await undrain(sfu.address)).to.deep.equal({
      status: 200,
      body: { address: sfu.address, draining: false, changed: true, durable: true, sessions: null },
    });
    expect(registry.isDraining(sfu)).to.be.false;
    expect((await undrain(sfu.address)).body).to.include({ draining: false, changed: false });
  });

  it("tell the sessions of its last report", async () => {
    registry.setReport(sfu, { sessions: 7, channels: 2, cpu: null, memory: null, atMs: 0 });
    expect((await drain(sfu.address)).body).to.include({ sessions: 7 });
  });

  for (const [given, address] of [
    ["http://10.0.0.5:8070/", sfu.address],
    ["HTTP://10.0.0.5:8070//", sfu.address],
    ["http://10.5:8070", sfu.address],
    [" http://10.0.0.5:8070 ", sfu.address],
    ["https://SFU2.example.com:443/behind/a/prefix/", "https://sfu2.example.com/behind/a/prefix"],
  ] as const) {
    it(`know an SFU by ${JSON.stringify(given)}`, async () => {
      const { status, body } = await drain(given);
      expect(status).to.equal(200);
      expect(body).to.include({ address, changed: true });
    });
  }

  it("do not know an SFU that is not in the fleet, and name the nearest", async () => {
    for (const attempt of [drain, undrain]) {
      expectRefused(
        await attempt("http://10.0.0.6:8070"),
        404,
        "unknown_sfu",
        /^no SFU of this address is in the fleet, did you mean http:\/\/10\.0\.0\.5:8070\?$/,
      );
    }
    expectRefused(await drain("http://far.away.example"), 404, "unknown_sfu", /in the fleet$/);
  });

  it("undrain an SFU that has left, once", async () => {
    await drain(sfu.address);
    registry.remove(sfu.address, "static");
    expect(await undrain(sfu.address)).to.deep.equal({
      status: 200,
      body: { address: sfu.address, draining: false, changed: true, durable: true, sessions: null },
    });
    expect((await undrain(sfu.address)).body).to.include({ error: "unknown_sfu" });
    registry.put(sfu);
    expect(registry.isDraining(sfu)).to.be.false;
  });

  describe("do not take a body of", () => {
    const cases: Readonly<Record<string, readonly [body: string, problem: RegExp]>> = {
      nothing: ["", /: this is not JSON$/],
      "no JSON": [`address=${sfu.address}`, /: this is not JSON$/],
      "no object": [JSON.stringify(sfu.address), /: not an object$/],
      "no address": ["{}", /: address: missing$/],
      "an empty address": ['{"address": ""}', /: address: expected a string that is not empty$/],
      "an address that is no string": ['{"address": 7}', /: address: expected a string$/],
      "an address that is no URL": ['{"address": "sfu1"}', /: address: expected the SFU's URL, like .*not a URL$/],
      "an address with a password": [
        '{"address": "http://me:hunter2@10.0.0.5:8070"}',
        /: no user or password may stand in it$/,
      ],
    };
    for (const [what, [body, problem]] of Object.entries(cases)) {
      it(what, async () => {
        const answered = await post("drain", body);
        expectRefused(answered, 400, "invalid_body", problem);
        expect(answered.body.message).to.match(/^expected \{"address": "<the SFU's URL>"\}: /);
        expect(answered.body.message).not.to.contain("hunter2");
      });
    }

    it("more than 16 KB", async () => {
      const message = /^the body is larger than 16 KB$/;
      const padding = " ".repeat(16 * 1024);
      expectRefused(
        await post("drain", JSON.stringify({ address: sfu.address }) + padding),
        413,
        "body_too_large",
        message,
      );
      expectRefused(await post("drain", "x".repeat(4 * 1024 * 1024)), 413, "body_too_large", message);
    });

    it("more than 16 KB that is only announced", async () => {
      const headers = `Authorization: ${BEARER}\r\nContent-Length: 16385`;
      const caller = await callRaw(url, `POST /v1/sfu/drain HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
      await eventually("it is answered", () => caller.received().includes("body_too_large"));
      caller.socket.destroy();
    });

    it("more than 16 KB that announces no length", async () => {
      const headers = `Authorization: ${BEARER}\r\nTransfer-Encoding: chunked`;
      const caller = await callRaw(url, `POST /v1/sfu/drain HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
      for (let chunk = 0; chunk < 5; chunk++) caller.socket.write(`1000\r\n${"x".repeat(0x1000)}\r\n`);
      await eventually("it is answered", () => caller.received().includes("body_too_large"));
      expect(caller.received()).to.match(/^HTTP\/1\.1 413 /);
      caller.socket.destroy();
    });
  });

  it("are content with just 16 KB", async () => {
    const body = JSON.stringify({ address: sfu.address });
    expect((await post("drain", body.padEnd(16 * 1024))).status).to.equal(200);
  });

  it("survive a caller who hangs up amid the body", async () => {
    const headers = `Authorization: ${BEARER}\r\nContent-Length: 100`;
    const caller = await callRaw(url, `POST /v1/sfu/drain HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n{"addr`);
    caller.socket.resetAndDestroy();
    await caller.closed;
    expect((await drain(sfu.address)).status).to.equal(200);
  });

  describe("refuse", () => {
    const body = JSON.stringify({ address: sfu.address });
    const cases: Readonly<Record<string, readonly [authorization: string | null, error: string, message: RegExp]>> = {
      "a request without a token": [null, "missing_token", /^expected 'Authorization: Bearer <the admin token>'$/],
      "a scheme without a token": ["Bearer ", "missing_token", /^expected/],
      "another scheme": ["Basic Zk7qXw9", "missing_token", /^expected/],
      "another token": ["Bearer Zk7qXw9-another", "invalid_token", /^this is not the gateway's admin token$/],
      "a token that is only the beginning": [`Bearer ${TOKEN.slice(0, -2)}`, "invalid_token", /^this is not/],
      "a token that goes on": [`${BEARER}x`, "invalid_token", /^this is not/],
    };
    for (const [what, [authorization, error, message]] of Object.entries(cases)) {
      it(`${what}, and count it`, async () => {
        const answered = await post("drain", body, authorization);
        expectRefused(answered, 401, error, message);
        expect(JSON.stringify(answered.body)).not.to.contain("Zk7qXw9");
        expect(rejected.map(({ reason }) => reason)).to.deep.equal([error]);
      });
    }

    it("before they look at the body", async () => {
      expectRefused(await post("undrain", "x".repeat(100_000), null), 401, "missing_token", /^expected/);
    });

    it("nobody who spells the scheme in lower case", async () => {
      expect((await post("drain", body, BEARER.replace("Bearer", "bearer"))).status).to.equal(200);
      expect(rejected).to.deep.equal([]);
    });
  });
});
