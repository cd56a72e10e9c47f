import { expect } from "chai";
import { parseKey } from "../../lib/auth/keys.ts";
import { createReplays } from "../../lib/auth/replays.ts";
import { createThrottles } from "../../lib/auth/throttle.ts";
import { createHeartbeatVerifier } from "../../lib/auth/verify-heartbeat.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { MAX_HEARTBEAT_BYTES, registerSfu } from "../../lib/http/register-sfu.ts";
import { createNames } from "../../lib/sfu/names.ts";
import { createAddressRules } from "../../lib/sfu/registration/address-rules.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import { createHeartbeats, type Heartbeats } from "../../lib/sfu/sources/heartbeat.ts";
import { createRegistrations } from "../../lib/sfu/sources/registrations.ts";
import { createMemoryHub, createMemoryStore } from "../../lib/store/memory.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { type ServedRoutes, serveRoutes } from "../support/routes.ts";
import { callRaw } from "../support/sockets.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const REGISTRATION_KEY = Buffer.from("the key of all who may register").toString("base64");
const nowS = START_MS / 1000;
const CLAIMS = { iat: nowS, exp: nowS + 60 };
const STATIC = "http://10.0.0.9:8070";

const HEARTBEAT = {
  status: "up",
  address: "https://a.sfu.example.com",
  region: "eu-west-3",
  key: sfuKey(1),
  channels: 2,
  sessions: 7,
  cpuUsage: 0.25,
  memoryUsage: 0.5,
};
const SIGN_OFF = { status: "down", address: HEARTBEAT.address };

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

describe("POST /v1/sfu", () => {
  const clock = useFakeClock();
  let server: ServedRoutes;
  let url: string;
  let registry: Registry;
  let heartbeats: Heartbeats;
  let told: EventMap["heartbeat"][];
  let troubles: unknown[];
  /** What another gateway hears of. */
  let posted: unknown[];
  beforeEach(async () => {
    const events = new Events();
    told = [];
    troubles = [];
    events.on("heartbeat", (event) => told.push(event));
    events.on("unexpected", ({ error }) => troubles.push(error));
    registry = createRegistry(clock, events);
    registry.put(sfuOf(9, { address: STATIC, region: "us" }));
    heartbeats = createHeartbeats({ clock, events, registry, settings: { ttlMs: 30_000, maxSessions: 1000 } });
    const names = createNames({
      clock,
      resolve: (name) => Promise.resolve(name === "loopback.sfu.example.com" ? ["127.0.0.1"] : ["203.0.113.7"]),
    });
    const rules = createAddressRules(["https://*.sfu.example.com", "10.0.0.0/8"], names);
    const hub = createMemoryHub(clock);
    const store = createMemoryStore(clock, hub);
    const registrations = createRegistrations({ clock, events, registry, heartbeats, rules, store });
    posted = [];
    createMemoryStore(clock, hub).board.on("registrations", ({ name, text }) =>
      posted.push({ name, heartbeat: JSON.parse(text) as unknown }),
    );
    const throttle = createThrottles({ max: 20, windowMs: 60_000 }, events).registration;
    const verify = createHeartbeatVerifier(parseKey(REGISTRATION_KEY), clock);
    server = await serveRoutes(
      [
        [
          "POST",
          "/v1/sfu",
          registerSfu({ events, verify, throttle, replays: createReplays(clock), rules, heartbeats: registrations }),
        ],
      ],
      { clock, events, onError: (error) => troubles.push(error) },
    );
    url = server.url;
  });
  afterEach(async () => {
    heartbeats.close();
    await server.close();
    expect(troubles).to.deep.equal([]);
  });

  const signed = (claims: unknown = CLAIMS, parts: object = {}): string =>
    `Bearer ${token({ claims, key: REGISTRATION_KEY, ...parts })}`;
  const post = async (
    body: string | Uint8Array<ArrayBuffer> | ReadableStream,
    authorization: string | null = signed(),
  ): Promise<Answered> => {
    const response = await fetch(`${url}/v1/sfu`, {
      method: "POST",
      headers: authorization === null ? {} : { authorization },
      body,
      ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
    });
    return { status: response.status, body: (await response.json()) as Answered["body"] };
  };
  const send = (parts: object = {}, claims: unknown = CLAIMS): Promise<Answered> =>
    post(JSON.stringify({ ...HEARTBEAT, ...parts }), signed(claims));

  /** All that a heartbeat could have changed. */
  const fleet = (): unknown =>
    registry.all().map((sfu) => ({
      sfu,
      health: registry.health(sfu),
      report: registry.report(sfu),
      fresh: heartbeats.isFresh(sfu.address),
    }));

  /** Refused, by one clear error, and nothing has changed. */
  const expectRefused = async (
    attempt: () => Promise<Answered>,
    status: number,
    error: string,
    message = /./,
  ): Promise<void> => {
    const before = fleet();
    told.length = 0;
    posted.length = 0;
    const answered = await attempt();
    expect(answered.body).to.have.all.keys("error", "message", "requestId");
    expect({ status: answered.status, error: answered.body.error }).to.deep.equal({ status, error });
    expect(answered.body.message).to.match(message);
    expect(JSON.stringify(answered.body)).not.to.include(sfuKey(1)).and.not.to.include("eyJ");
    expect(fleet()).to.deep.equal(before);
    expect(posted).to.deep.equal([]);
    expect(told.map(({ outcome }) => outcome)).to.deep.equal([error]);
  };

  it("tells the other gateways what an SFU has said, and who has left", async () => {
    await send({ maxSessions: 80 });
    await post(JSON.stringify(SIGN_OFF), signed({ ...CLAIMS, jti: "2" }));
    const name = HEARTBEAT.address;
    expect(posted).to.deep.equal([
      { name, heartbeat: { ...HEARTBEAT, maxSessions: 80 } },
      { name, heartbeat: SIGN_OFF },
    ]);
  });

  it("registers an SFU, and tells it how often it has to be heard of", async () => {
    expect(await send()).to.deep.equal({ status: 200, body: { result: "ok", ttlMs: 30_000, draining: false } });
    const sfu = registry.get(HEARTBEAT.address)!;
    expect(sfu).to.include({ region: "eu-west-3", source: "heartbeat", maxSessions: 1000 });
    expect(registry.report(sfu)).to.include({ sessions: 7, channels: 2, cpu: 0.25, memory: 0.5 });
    expect(told).to.deep.equal([{ outcome: "ok", address: HEARTBEAT.address, error: null }]);
  });

  it("tells an SFU that it is being drained", async () => {
    await send();
    registry.setDraining(registry.get(HEARTBEAT.address)!, true);
    expect((await send({ sessions: 6 })).body).to.include({ draining: true });
  });

  it("knows an SFU by any spelling of its address", async () => {
    await send();
    await send({ address: "HTTPS://A.sfu.EXAMPLE.com.:443/" });
    expect(registry.all()).to.have.length(2);
    expect(told.map(({ address }) => address)).to.deep.equal([HEARTBEAT.address, HEARTBEAT.address]);
  });

  it("lets an SFU go that signs off", async () => {
    await send();
    expect(await post(JSON.stringify(SIGN_OFF))).to.have.property("status", 200);
    expect(registry.get(HEARTBEAT.address)).to.equal(null);
    expect(await post(JSON.stringify({ ...SIGN_OFF, region: "eu" }))).to.have.property("status", 200);
  });

  it("changes neither the key nor the region of an SFU that the operator has listed", async () => {
    const listed = registry.get(STATIC);
    expect(await send({ address: STATIC, key: sfuKey(2) })).to.have.property("status", 200);
    expect(registry.get(STATIC)).to.equal(listed);
    expect(registry.report(listed!)).to.include({ sessions: 7 });
  });

  it("is nothing for another method or path", async () => {
    expect((await fetch(`${url}/v1/sfu`)).status).to.equal(405);
    expect((await fetch(`${url}/v1/sfu/`, { method: "POST" })).status).to.equal(404);
  });

  describe("refuses, and changes nothing,", () => {
    const body = JSON.stringify(HEARTBEAT);
    const tokens: Readonly<Record<string, readonly [string | null, string]>> = {
      "no token": [null, "missing_token"],
      "a scheme without a token": ["Bearer ", "missing_token"],
      garbage: ["Bearer garbage", "invalid_token"],
      "a token under another key": [signed(CLAIMS, { key: OTHER_KEY }), "invalid_token"],
      "a token under Odoo's key": [signed(CLAIMS, { key: GATEWAY_KEY }), "invalid_token"],
      "a token under the SFU's own key": [signed(CLAIMS, { key: sfuKey(1) }), "invalid_token"],
      "alg none": [signed(CLAIMS, { header: { alg: "none" } }), "invalid_token"],
      "an expired token": [signed({ ...CLAIMS, exp: nowS - 1 }), "invalid_token"],
      "an exp too far ahead": [signed({ ...CLAIMS, exp: nowS + 311 }), "invalid_token"],
      "a token without exp": [signed({ iat: nowS }), "invalid_token"],
      "an iat of the future": [signed({ ...CLAIMS, iat: nowS + 61 }), "invalid_token"],
      "an nbf of the future": [signed({ ...CLAIMS, nbf: nowS + 30 }), "invalid_token"],
    };
    for (const [what, [authorization, error]] of Object.entries(tokens)) {
      it(`${what}: 401`, () => expectRefused(() => post(body, authorization), 401, error));
    }

    it("a replay: 401", async () => {
      await send();
      await expectRefused(() => send(), 401, "replayed", /sign each one anew/);
    });

    it("a replay that came first while the other was on its way: 401", async () => {
      const answers = await Promise.all([send(), send(), send()]);
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 401, 401]);
    });

    it("a replay with another spelling of its signature: 401", async () => {
      const authorization = signed();
      await post(body, authorization);
      await expectRefused(() => post(body, `${authorization}=`), 401, "replayed");
    });

    it("a sign-off that is replayed once the SFU is back: 401", async () => {
      await send();
      await post(JSON.stringify(SIGN_OFF));
      await send({ sessions: 0 });
      await expectRefused(() => post(JSON.stringify(SIGN_OFF)), 401, "replayed");
    });

    it("what was held up on the way, once something newer has come: 401", async () => {
      await send({}, { ...CLAIMS, iat: nowS - 5 });
      await post(JSON.stringify(SIGN_OFF));
      await expectRefused(() => send({}, { ...CLAIMS, iat: nowS - 4 }), 401, "replayed", /signed later/);
    });

    it("a jti for the second time, with whatever body: 401", async () => {
      await send({}, { ...CLAIMS, jti: "1" });
      await expectRefused(() => send({ sessions: 9 }, { ...CLAIMS, jti: "1" }), 401, "replayed");
      await expectRefused(() => send({ sessions: 9 }, { ...CLAIMS, iat: nowS + 1, jti: "1" }), 401, "replayed");
    });

    const addresses: Readonly<Record<string, readonly [number, string]>> = {
      "ftp://a.sfu.example.com": [400, "invalid_heartbeat"],
      "https://user:pass@a.sfu.example.com": [400, "invalid_heartbeat"],
      "https://a.sfu.example.com/path": [400, "invalid_heartbeat"],
      "https://a.sfu.example.com?query": [400, "invalid_heartbeat"],
      "https://a.sfu.example.com#fragment": [400, "invalid_heartbeat"],
      "a.sfu.example.com": [400, "invalid_heartbeat"],
      "http://127.0.0.1:8070": [403, "address_not_allowed"],
      "http://2130706433": [403, "address_not_allowed"],
      "http://[::1]": [403, "address_not_allowed"],
      "http://[::ffff:127.0.0.1]": [403, "address_not_allowed"],
      "http://localhost": [403, "address_not_allowed"],
      "http://169.254.169.254": [403, "address_not_allowed"],
      "http://a.sfu.example.com": [403, "address_not_allowed"],
      "https://a.b.sfu.example.com": [403, "address_not_allowed"],
      "https://a.sfu.example.com.evil.example": [403, "address_not_allowed"],
      "https://loopback.sfu.example.com": [403, "address_not_allowed"],
    };
    for (const [address, [status, error]] of Object.entries(addresses)) {
      it(`the address ${address}: ${String(status)}`, () => expectRefused(() => send({ address }), status, error));
      it(`a sign-off of the address ${address}: ${String(status)}`, () =>
        expectRefused(() => send({ ...SIGN_OFF, address }), status, error));
    }

    for (const text of ["", "{", "null", "[]", '{"__proto__":{"status":"up"}}', body.replace("{", '{"__proto__":1,')]) {
      it(`the body ${text.slice(0, 30)}: 400`, () => expectRefused(() => post(text), 400, "invalid_heartbeat"));
    }

    it("a body of bytes that are no text: 400", () =>
      expectRefused(() => post(new Uint8Array([0xff, 0xfe, 0])), 400, "invalid_heartbeat"));

    it("faulty fields, all of them named: 400", () =>
      expectRefused(
        () => send({ sessions: -1, cpuUsage: 97, region: "" }),
        400,
        "invalid_heartbeat",
        /(?=.*sessions: )(?=.*cpuUsage: .*share)(?=.*region: )/,
      ));

    it("a faulty heartbeat, and tells whose it was", async () => {
      await send({ sessions: -1 });
      expect(told).to.have.length(1);
      expect(told[0]).to.deep.include({ outcome: "invalid_heartbeat", address: HEARTBEAT.address });
      expect(told[0]!.error!.code).to.equal("invalid_heartbeat");
    });

    it("a body without a token before it has looked at it: 401", () =>
      expectRefused(() => post("x".repeat(MAX_HEARTBEAT_BYTES + 1), null), 401, "missing_token"));

    it("a body of a byte too many: 413", () =>
      expectRefused(() => post(padded(MAX_HEARTBEAT_BYTES + 1)), 413, "body_too_large", /larger than 16 KB/));

    it("a body of a byte too many that comes in chunks: 413", () =>
      expectRefused(() => post(chunked(padded(MAX_HEARTBEAT_BYTES + 1))), 413, "body_too_large"));

    it("a body of many megabytes: 413", () =>
      expectRefused(() => post("x".repeat(8 * 1024 * 1024)), 413, "body_too_large"));
  });

  it("takes a body of just the limit", async () => {
    expect(await post(padded(MAX_HEARTBEAT_BYTES))).to.have.property("status", 200);
    expect(await post(chunked(padded(MAX_HEARTBEAT_BYTES, { sessions: 8 })))).to.have.property("status", 200);
  });

  it("takes two heartbeats of one second, signed each or together", async () => {
    for (const sessions of [1, 2, 3]) expect(await send({ sessions })).to.have.property("status", 200);
    for (const sessions of [4, 5]) {
      expect(await send({ sessions }, { ...CLAIMS, n: sessions })).to.have.property("status", 200);
    }
    expect(registry.report(registry.get(HEARTBEAT.address)!)).to.include({ sessions: 5 });
  });

  describe("answers before the body is there", () => {
    const head = (authorization: string, headers: string): string =>
      `POST /v1/sfu HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n${headers}\r\n`;

    it("where that is announced to be too large", async () => {
      const caller = await callRaw(url, head(signed(), "Content-Length: 999999999\r\n"));
      await eventually("it is answered", () => caller.received().includes("body_too_large"));
      caller.socket.destroy();
    });

    it("where it has no end", async () => {
      const caller = await callRaw(url, head(signed(), "Transfer-Encoding: chunked\r\n"));
      for (let n = 0; n < 5; n++) caller.socket.write(`1000\r\n${"x".repeat(4096)}\r\n`);
      await eventually("it is answered", () => caller.received().includes("HTTP/1.1 413"));
      caller.socket.destroy();
    });

    it("where nobody has signed it", async () => {
      const caller = await callRaw(url, head("Bearer garbage", "Content-Length: 100\r\n"));
      await eventually("it is answered", () => caller.received().includes("HTTP/1.1 401"));
      caller.socket.destroy();
    });
  });

  it("lets go of a caller who hangs up halfway", async () => {
    const caller = await callRaw(
      url,
      `POST /v1/sfu HTTP/1.1\r\nHost: x\r\nAuthorization: ${signed()}\r\nContent-Length: 100\r\n\r\n{`,
    );
    caller.socket.destroy();
    await eventually("it is told", () => told.some(({ outcome }) => outcome === "caller_gone"));
    expect(registry.all()).to.have.length(1);
  });
});

/** A heartbeat of just so many bytes. */
function padded(bytes: number, parts: object = {}): string {
  return JSON.stringify({ ...HEARTBEAT, ...parts }).padEnd(bytes, " ");
}

function chunked(text: string): ReadableStream {
  return new Blob([text]).stream();
}
