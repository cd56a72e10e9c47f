import { PassThrough } from "node:stream";
import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { answerMalformed, describeMalformed } from "../../lib/http/answer-malformed.ts";
import type { Json } from "../../lib/openapi/json.ts";
import type { Fault } from "../../lib/simulator/sfu.ts";
import { VIA } from "../../lib/sfu/client.ts";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { serveRoutes } from "../support/routes.ts";
import { callRaw } from "../support/sockets.ts";
import { claimsOf, sfuKey, token } from "../support/tokens.ts";
import { readContract, type Reply } from "./contract.ts";

const REGISTRATION_KEY = Buffer.from("the key of all who may register").toString("base64");
const ADMIN_TOKEN = "an admin token that no text holds";
const OPEN = { SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY, SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN };
/** Of an SFU that nobody listens for. */
const ADDRESS = "http://127.0.0.1:1";

interface Setup extends Omit<Partial<GatewaySetup>, "sfus"> {
  readonly sfus?: number;
  readonly fault?: Fault;
}

/** Opens a gateway, with all routes on and one SFU unless the case says otherwise, for as long as its spec lasts. */
type Open = (setup?: Setup) => Promise<TestGateway & { readonly addresses: readonly string[] }>;

/** Has the gateway give the answer that the name of the case promises. */
type Draw = (open: Open) => Promise<Response>;

const bearer = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` });
const admin = bearer(ADMIN_TOKEN);

const join = (gateway: TestGateway, text: string): Promise<Response> =>
  gateway.get("/v1/channel", { headers: bearer(text) });
const joinOf = (gateway: TestGateway, iss = "room"): Promise<Response> =>
  join(gateway, token({ claims: claimsOf(iss) }));

const inAMinute = (): number => Math.floor(systemClock.now() / 1000) + 60;
const heartbeatToken = (exp = inAMinute()): string => token({ key: REGISTRATION_KEY, claims: { exp } });
const heartbeat = { status: "up", address: ADDRESS, region: "eu-west-3", key: sfuKey(7), channels: 2, sessions: 7 };
const up = { ...heartbeat, cpuUsage: 0.25, memoryUsage: 0.5 };

const post = (gateway: TestGateway, path: string, body: unknown, headers: Record<string, string>): Promise<Response> =>
  gateway.get(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const beat = (gateway: TestGateway, body: unknown, text = heartbeatToken()): Promise<Response> =>
  post(gateway, "/v1/sfu", body, bearer(text));
const allowed = { registration: { allow: ["http://127.0.0.1"] } };

/** Which nobody has. */
const SESSIONS = { sessionIdsByChannel: { "a-channel": [1] } };
const sessionsToken = (): string => token({ claims: { ...SESSIONS, exp: inAMinute() } });
const disconnect = (gateway: TestGateway, text = sessionsToken()): Promise<Response> =>
  gateway.get("/v1/disconnect", { method: "POST", body: text });

/** It has a call in hand, and that is as much as it takes, until `signal` ends the call. */
async function busyGateway(open: Open, signal: AbortSignal): ReturnType<Open> {
  const failover = { attemptTimeoutMs: 60_000, retryTimeoutMs: 60_000 };
  const gateway = await open({ ...allowed, failover, limits: { maxRequests: 1 }, fault: { kind: "hang" } });
  void gateway.join({ signal }).catch(() => undefined);
  // Whose body never comes.
  const head = "POST /v1/disconnect HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
  const { socket } = await callRaw(gateway.url, head);
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  await eventually("both are in hand", async () => (await gateway.metric("requests_in_flight")) === 2);
  return gateway;
}

/** Every answer that the document promises, by that promise; what stands in brackets tells two of one kind apart. */
const CASES: Readonly<Record<string, Draw>> = {
  "GET /v1/channel 200": async (open) => joinOf(await open()),
  "GET /v1/channel 200 (a query for the gateway and one for the SFU)": async (open) =>
    (await open()).get("/v1/channel?region=eu-west-3&country=DE&recordingAddress=x", { headers: bearer(token()) }),
  "GET /v1/channel 400 invalid_claims": async (open) =>
    join(await open(), token({ claims: { ...claimsOf("room"), keySeed: 5 } })),
  "GET /v1/channel 400 refused_by_sfu": async (open) => joinOf(await open({ fault: { kind: "status", status: 400 } })),
  "GET /v1/channel 401 missing_token": async (open) => (await open()).get("/v1/channel"),
  "GET /v1/channel 401 invalid_token": async (open) => join(await open(), token({ claims: { iss: "room", exp: 1 } })),
  "GET /v1/channel 403 missing_issuer": async (open) => join(await open(), token({ claims: { exp: inAMinute() } })),
  "GET /v1/channel 409 refused_by_sfu": async (open) => joinOf(await open({ fault: { kind: "status", status: 409 } })),
  "GET /v1/channel 503 all_candidates_failed": async (open) =>
    joinOf(await open({ sfus: 2, fault: { kind: "status", status: 502 } })),
  "GET /v1/channel 503 no_sfu_available": async (open) => joinOf(await open({ sfus: 0 })),
  "GET /v1/channel 503 too_busy": async (open) => {
    const caller = new AbortController();
    const response = await joinOf(await busyGateway(open, caller.signal));
    caller.abort();
    return response;
  },
  "GET /v1/channel 503 overloaded": async (open) => {
    const gateway = await open(allowed);
    await beat(gateway, { ...up, address: gateway.addresses[0], sessions: 1000 });
    return joinOf(gateway);
  },
  "POST /v1/disconnect 200": async (open) => disconnect(await open()),
  "POST /v1/disconnect 413 body_too_large": async (open) => disconnect(await open(), "x".repeat(70_000)),
  "POST /v1/disconnect 422 missing_token": async (open) => disconnect(await open(), ""),
  "POST /v1/disconnect 422 invalid_token": async (open) =>
    disconnect(await open(), token({ claims: { ...SESSIONS, exp: 1 } })),
  "POST /v1/disconnect 422 invalid_claims": async (open) =>
    disconnect(await open(), token({ claims: { exp: inAMinute() } })),
  "POST /v1/disconnect 502 disconnect_incomplete": async (open) =>
    disconnect(await open({ fault: { kind: "unauthorized" } })),
  "POST /v1/disconnect 508 loop_detected": async (open) => {
    const gateway = await open();
    return gateway.get("/v1/disconnect", { method: "POST", body: sessionsToken(), headers: { via: `1.1 ${VIA}` } });
  },
  "GET /v1/noop 200": async (open) => (await open()).get("/v1/noop"),

  "POST /v1/sfu 200": async (open) => beat(await open(allowed), up),
  "POST /v1/sfu 200 (signing off)": async (open) => beat(await open(allowed), { status: "down", address: ADDRESS }),
  "POST /v1/sfu 400 invalid_heartbeat": async (open) => beat(await open(allowed), { ...up, cpuUsage: 50 }),
  "POST /v1/sfu 401 missing_token": async (open) => post(await open(allowed), "/v1/sfu", up, {}),
  "POST /v1/sfu 401 invalid_token": async (open) => beat(await open(allowed), up, heartbeatToken(1)),
  "POST /v1/sfu 401 replayed": async (open) => {
    const gateway = await open(allowed);
    const text = heartbeatToken();
    await beat(gateway, up, text);
    return beat(gateway, up, text);
  },
  "POST /v1/sfu 403 address_not_allowed": async (open) => beat(await open(), up),
  "POST /v1/sfu 404 not_found": async (open) => beat(await open({ env: {} }), up),
  "POST /v1/sfu 413 body_too_large": async (open) => beat(await open(allowed), "x".repeat(20_000)),

  "GET /v1/explain 200": async (open) => {
    const gateway = await open({ sfus: 2, ...allowed, balancing: { strategy: "load" } });
    await beat(gateway, { ...up, address: gateway.addresses[1] });
    await joinOf(gateway, "a room");
    return gateway.get("/v1/explain?region=eu-west-3&iss=a+room", { headers: admin });
  },
  "GET /v1/explain 200 (of nowhere, with an SFU that is out)": async (open) => {
    const gateway = await open({ sfus: 2, fault: { kind: "refuse" }, breaker: { minimumRequests: 1 } });
    await joinOf(gateway);
    return gateway.get("/v1/explain", { headers: admin });
  },
  "GET /v1/explain 401 missing_token": async (open) => (await open()).get("/v1/explain"),
  "GET /v1/explain 401 invalid_token": async (open) => (await open()).get("/v1/explain", { headers: bearer("x") }),
  "GET /v1/explain 404 not_found": async (open) => (await open({ env: {} })).get("/v1/explain", { headers: admin }),

  "GET /v1/health 200": async (open) => (await open()).get("/v1/health"),
  "GET /v1/health 200 (with loads, a drain and one that fails)": async (open) => {
    const gateway = await open({ sfus: 3, ...allowed, breaker: { minimumRequests: 1 } });
    await beat(gateway, up);
    await beat(gateway, { ...up, address: gateway.addresses[0] });
    await post(gateway, "/v1/sfu/drain", { address: gateway.addresses[1] }, admin);
    await joinOf(gateway);
    return gateway.get("/v1/health");
  },
  "GET /v1/health 200 (with statistics that were read)": async (open) => {
    const gateway = await open({ health: { intervalMs: 100, statsIntervalMs: 100 } });
    await eventually("they were read", async () => (await (await gateway.get("/v1/health")).text()).includes('"cpu"'));
    return gateway.get("/v1/health");
  },
  "GET /v1/health 503": async (open) => {
    const gateway = await open({ fault: { kind: "unauthorized" } });
    await joinOf(gateway);
    await eventually("it is out", async () => (await gateway.get("/v1/health")).status === 503);
    return gateway.get("/v1/health");
  },
  "GET /dashboard 200": async (open) => (await open()).get("/dashboard"),
  "GET /dashboard/data 200": async (open) => {
    const gateway = await open({ sfus: 2, fault: { kind: "refuse" } });
    await joinOf(gateway);
    return gateway.get("/dashboard/data");
  },
  "GET /dashboard/data 200 (of a fleet without failovers)": async (open) => (await open()).get("/dashboard/data"),
  "GET /healthz 200": async (open) => (await open()).get("/healthz"),
  "GET /noop 200": async (open) => (await open()).get("/noop"),
  "GET /readyz 200": async (open) => (await open()).get("/readyz"),
  "GET /readyz 503": async (open) => (await open({ sfus: 0 })).get("/readyz"),
  "GET /metrics 200": async (open) => (await open()).get("/metrics"),

  ...drainsOf("/v1/sfu/drain"),
  ...drainsOf("/v1/sfu/undrain"),
};

/** What it would take too long to bring about here, and the spec that has seen it. */
const ELSEWHERE: readonly string[] = [
  // Ten thousand SFUs: spec/sfu/sources/heartbeat.spec.ts
  "POST /v1/sfu 403 fleet_full",
];

function drainsOf(path: string): Record<string, Draw> {
  const drain = (gateway: TestGateway, body: unknown): Promise<Response> => post(gateway, path, body, admin);
  return {
    [`POST ${path} 200`]: async (open) => {
      const gateway = await open();
      return drain(gateway, { address: gateway.addresses[0] });
    },
    [`POST ${path} 400 invalid_body`]: async (open) => drain(await open(), "not JSON"),
    [`POST ${path} 401 missing_token`]: async (open) => post(await open(), path, { address: ADDRESS }, {}),
    [`POST ${path} 401 invalid_token`]: async (open) => post(await open(), path, { address: ADDRESS }, bearer("x")),
    [`POST ${path} 404 unknown_sfu`]: async (open) => drain(await open(), { address: "https://of-nobody.example" }),
    [`POST ${path} 404 not_found`]: async (open) => drain(await open({ env: {} }), { address: ADDRESS }),
    [`POST ${path} 413 body_too_large`]: async (open) => drain(await open(), "x".repeat(20_000)),
  };
}

async function replyOf(response: Response): Promise<Reply> {
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("the gateway keeps to config/openapi.yaml:", () => {
  const contract = readContract();
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  const open: Open = async ({ sfus = 1, fault, env = OPEN, ...setup } = {}) => {
    const fleet: SimulatedFleet = await startFleet(sfus, { latencyMs: { min: 0, max: 0 } });
    closing.push(() => fleet.close());
    for (const index of fleet.sfus.keys()) if (fault !== undefined) await fleet.break(fault, index);
    const gateway = await startGateway({ sfus: fleet.entries, env, ...setup });
    closing.push(() => gateway.close());
    return { ...gateway, addresses: fleet.sfus.map(({ address }) => address) };
  };

  for (const [name, draw] of Object.entries(CASES)) {
    it(name, async () => {
      const [method = "", path = "", status = "", code = ""] = promiseOf(name).split(" ");
      const reply = await replyOf(await draw(open));
      expect(contract.faults(`${method} ${path}`, reply)).to.deep.equal([]);
      expect(String(reply.status)).to.equal(status);
      if (code === "") return;
      // What is shown as an example is what somebody gets.
      const said = JSON.parse(reply.text.replaceAll(/http:\/\/127\.0\.0\.1:\d{2,}/g, "http://10.0.0.5:8070")) as Json;
      const message = contract.exampleOf(`${method} ${path}`, Number(status), code);
      expect(said).to.include({ error: code, message });
    });
  }

  it("every answer that is promised has been seen", () => {
    const drawn = [...new Set(Object.keys(CASES).map(promiseOf))];
    expect([...drawn, ...ELSEWHERE]).to.have.members([...contract.promises]);
  });

  describe("of any path", () => {
    it("NotFound", async () => {
      const reply = await replyOf(await (await open()).get("/nowhere"));
      expect(contract.commonFaults("NotFound", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(404);
    });

    it("MethodNotAllowed", async () => {
      const reply = await replyOf(await (await open()).get("/v1/channel", { method: "DELETE" }));
      expect(contract.commonFaults("MethodNotAllowed", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(405);
    });

    it("Internal", async () => {
      const breaks = (): never => {
        throw new TypeError("nobody has foreseen this");
      };
      const served = await serveRoutes([["GET", "/healthz", breaks]], {
        clock: systemClock,
        events: new Events(),
        onError: () => undefined,
      });
      closing.push(() => served.close());
      const reply = await replyOf(await fetch(`${served.url}/healthz`));
      expect(contract.faults("GET /healthz", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(500);
    });

    it("NotHttp", async () => {
      const reply = await rawReply(await open(), "GARBAGE\r\n\r\n");
      expect(contract.commonFaults("NotHttp", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(400);
    });

    it("Expectation", async () => {
      const text = "GET /v1/channel HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n";
      const reply = await rawReply(await open(), text);
      expect(contract.faults("GET /v1/channel", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(417);
    });

    it("LargeHeaders", async () => {
      const text = `GET /v1/channel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${"x".repeat(17_000)}\r\n\r\n`;
      const reply = await rawReply(await open(), text);
      expect(contract.faults("GET /v1/channel", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(431);
    });

    it("TooMany", async () => {
      const gateway = await open({ ...allowed, rateLimit: { requests: 1, windowMs: 60_000 } });
      await gateway.get("/nowhere");
      for (const operation of new Set(Object.keys(CASES).map((name) => name.split(" ", 2).join(" ")))) {
        const [method = "", path = ""] = operation.split(" ");
        const reply = await replyOf(await gateway.get(path, { method }));
        const isWatching = ["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics"].includes(path);
        expect(reply.status === 429, operation).to.equal(!isWatching);
        expect(contract.faults(operation, reply), operation).to.deep.equal([]);
        expect(contract.faults(operation, { ...reply, status: 429 }).length > 0, operation).to.equal(isWatching);
      }
    });

    it("TooMany, of who has shown too many tokens that were refused", async () => {
      const gateway = await open({ ...allowed, authFailures: { max: 1 } });
      for (const [operation, draw] of [
        ["GET /v1/channel", () => join(gateway, "garbage")],
        ["POST /v1/disconnect", () => disconnect(gateway, "garbage")],
        ["POST /v1/sfu", () => beat(gateway, up, "garbage")],
        ["GET /v1/explain", () => gateway.get("/v1/explain", { headers: bearer("garbage") })],
        ["POST /v1/sfu/drain", () => post(gateway, "/v1/sfu/drain", {}, bearer("garbage"))],
        ["POST /v1/sfu/undrain", () => post(gateway, "/v1/sfu/undrain", {}, bearer("garbage"))],
      ] as const) {
        await draw();
        const reply = await replyOf(await draw());
        expect(reply.status, operation).to.equal(429);
        expect(contract.faults(operation, reply), operation).to.deep.equal([]);
      }
    });

    it("TooBusy", async () => {
      const caller = new AbortController();
      const gateway = await busyGateway(open, caller.signal);
      for (const operation of new Set(Object.keys(CASES).map((name) => name.split(" ", 2).join(" ")))) {
        const [method = "", path = ""] = operation.split(" ");
        const reply = await replyOf(await gateway.get(path, { method }));
        const isWatching = ["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics", "/v1/health"].includes(path);
        expect(reply.status === 503 && reply.text.includes("too_busy"), operation).to.equal(!isWatching);
        expect(contract.faults(operation, reply), operation).to.deep.equal([]);
      }
      caller.abort();
    });

    it("TooSlow", () => {
      const connection = new PassThrough();
      const tooSlow = describeMalformed(Object.assign(new Error(), { code: "ERR_HTTP_REQUEST_TIMEOUT" }));
      answerMalformed(tooSlow!, connection);
      const reply = parseReply(String(connection.read()));
      expect(contract.faults("GET /v1/channel", reply)).to.deep.equal([]);
      expect(reply.status).to.equal(408);
    });
  });

  describe("who sends what it describes", () => {
    it("is not refused, and who sends something else is", async () => {
      const gateway = await open(allowed);
      const bodies = [up, { ...up, maxSessions: 5 }, { status: "down", address: ADDRESS }, { ...up, key: undefined }];
      const strange = [
        { ...up, sessions: -1 },
        { ...up, cpuUsage: "x" },
        { status: "sideways" },
        { ...up, more: 1 },
        [],
      ];
      for (const body of [...bodies, ...strange]) {
        const { status } = await beat(gateway, body);
        const isDescribed = contract.requestFaults("POST /v1/sfu", JSON.parse(JSON.stringify(body))).length === 0;
        expect(isDescribed, JSON.stringify(body)).to.equal(status === 200);
      }
    });
  });
});

/** Without what tells two cases apart. */
function promiseOf(name: string): string {
  return name.replace(/ \(.*\)$/, "");
}

async function rawReply({ url }: TestGateway, text: string): Promise<Reply> {
  const caller = await callRaw(url, text);
  await caller.closed;
  return parseReply(caller.received());
}

function parseReply(received: string): Reply {
  const [head = "", text = ""] = received.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = new Headers(lines.map((line): [string, string] => line.split(": ", 2) as [string, string]));
  return { status: Number(first.split(" ")[1]), headers, text };
}
