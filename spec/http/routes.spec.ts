import { expect } from "chai";
import { request } from "node:http";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { callRaw } from "../support/sockets.ts";
import { sfuKey, token } from "../support/tokens.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

describe("the gateway's routes", () => {
  const start = useSimulatedSfus();
  let sfu: SimulatedSfu;
  let gateway: TestGateway;
  beforeEach(async () => {
    sfu = await start();
    gateway = await startGateway({ sfus: [{ address: sfu.address, key: sfuKey(1) }] });
  });
  afterEach(() => gateway.close());

  /** Any method and any path, as they are: fetch knows better. */
  const ask = (method: string, path: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token()}` };
      request({ ...urlOf(gateway), method, path, headers, agent: false }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      })
        .on("error", reject)
        .end();
    });

  const expectError = (reply: Reply, status: number, error: string): void => {
    expect(reply.status).to.equal(status);
    expect(reply.headers["content-type"]).to.equal("application/json; charset=utf-8");
    const body = JSON.parse(reply.body) as Record<string, string>;
    expect(body).to.have.all.keys("error", "message", "requestId");
    expect(body).to.include({ error, requestId: reply.headers["x-request-id"] });
  };

  for (const [path, body] of [
    ["/healthz", { status: "ok" }],
    ["/noop", { status: "ok" }],
    ["/v1/noop", { result: "ok" }],
    ["/readyz", { status: "ready" }],
  ] as const) {
    it(`answer ${path}`, async () => {
      const reply = await ask("GET", path);
      expect(reply.status).to.equal(200);
      expect(JSON.parse(reply.body)).to.deep.equal(body);
      expect(reply.headers["content-type"]).to.equal("application/json; charset=utf-8");
    });
  }

  it("answer liveness and not readiness while no SFU is available", async () => {
    await sfu.break({ kind: "unauthorized" });
    await gateway.join({ iss: "a" });
    let ready = await ask("GET", "/readyz");
    while (ready.status === 200) ready = await ask("GET", "/readyz");
    expect([ready.status, JSON.parse(ready.body)]).to.deep.equal([503, { status: "no_sfu_available" }]);
    expect((await ask("GET", "/healthz")).status).to.equal(200);
    expect((await ask("GET", "/noop")).status).to.equal(200);
  });

  it("answer Prometheus", async () => {
    const reply = await ask("GET", "/metrics");
    expect(reply.status).to.equal(200);
    expect(reply.headers["content-type"]).to.match(/^text\/plain; version=\d/);
    expect(reply.body).to.contain('\nsfu_gateway_channel_requests_total{outcome="ok"} 0\n');
  });

  for (const path of [
    "/",
    "//",
    "/v1",
    "/v1/",
    "/v1/channel/",
    "/V1/channel",
    "/v1/Channel",
    "//v1/channel",
    "/v1//channel",
    "/v1/channel%2f",
    "/v1/%63hannel",
    "/v1/channel/x",
    "/v1/stats",
    "/v1/sfu",
    "/dashboard/",
    "/healthz/",
    "/%",
    "/%E0%A4%A",
    "/..%2f..%2fetc/passwd",
  ]) {
    it(`answer 404 to ${path}, as an SFU would`, async () => {
      expectError(await ask("GET", path), 404, "not_found");
      expect(sfu.requests).to.have.length(0);
    });
  }

  for (const method of ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"]) {
    it(`answer 405 to ${method} where there is a route, and 404 where there is none`, async () => {
      const reply = await ask(method, "/v1/channel");
      expectError(reply, 405, "method_not_allowed");
      expect(reply.headers.allow).to.equal("GET");
      const unrouted = await ask(method, "/nowhere");
      expectError(unrouted, 404, "not_found");
      expect(unrouted.headers).not.to.have.property("allow");
      expect(sfu.requests).to.have.length(0);
    });
  }

  it("answer 405 to HEAD, which would make a channel, and no body", async () => {
    const reply = await ask("HEAD", "/v1/channel");
    expect(reply).to.deep.include({ status: 405, body: "" });
    expect(reply.headers.allow).to.equal("GET");
    expect(await ask("HEAD", "/nowhere")).to.include({ status: 404, body: "" });
    expect(sfu.requests).to.have.length(0);
  });

  for (const path of ["/healthz", "/readyz", "/noop", "/v1/noop", "/v1/health"]) {
    it(`answer HEAD of ${path} as monitors expect, without a body`, async () => {
      expect(await ask("HEAD", path)).to.include({ status: 200, body: "" });
    });
  }

  it("keep a connection open for longer than the proxies in front do", async () => {
    const { headers } = await gateway.get("/healthz");
    expect(Number(/timeout=(\d+)/.exec(headers.get("keep-alive") ?? "")?.[1])).to.be.above(60);
  });

  it("answer OPTIONS with what there is", async () => {
    const reply = await ask("OPTIONS", "/v1/channel");
    expect(reply).to.include({ status: 200, body: "" });
    expect(reply.headers.allow).to.equal("GET");
  });

  it("answer a target in absolute form, and one with a query", async () => {
    expect((await ask("GET", "http://somewhere.test/healthz")).status).to.equal(200);
    expect((await ask("GET", "/healthz?a=1")).status).to.equal(200);
  });

  for (const line of [
    "GET healthz HTTP/1.1",
    "GARBAGE",
    "GET /\u00e9 HTTP/1.1",
    `GET /${"x".repeat(20_000)} HTTP/1.1`,
  ]) {
    it(`survive ${JSON.stringify(line.slice(0, 30))}`, async () => {
      const caller = await callRaw(gateway.url, `${line}\r\nHost: x\r\n\r\n`);
      await caller.closed;
      expect(caller.received()).to.match(/^HTTP\/1\.1 4\d\d /);
      expect((await ask("GET", "/healthz")).status).to.equal(200);
    });
  }

  describe("and the id of a request", () => {
    const idOf = async (given: string, path = "/healthz"): Promise<string> => {
      const { headers } = await gateway.get(path, { headers: { "x-request-id": given } });
      return headers.get("x-request-id") ?? "";
    };

    for (const given of ["a", "1234:abcd.ef-01_23", "0".repeat(128)]) {
      it(`keep ${given.slice(0, 20)}`, async () => {
        expect(await idOf(given)).to.equal(given);
      });
    }

    for (const given of ["", "a b", "a, b", '"quoted"', "<script>", "0".repeat(129), "\u00e9", "a\tb"]) {
      it(`put their own in place of ${JSON.stringify(given.slice(0, 20))}`, async () => {
        expect(await idOf(given)).to.match(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      });
    }

    it("give each request another one", async () => {
      expect((await gateway.get("/healthz")).headers.get("x-request-id")).not.to.equal(
        (await gateway.get("/healthz")).headers.get("x-request-id"),
      );
    });

    it("show it on every answer, and hand it on to the SFU and the log", async () => {
      for (const path of ["/nowhere", "/metrics", "/v1/health", "/v1/channel"]) {
        expect(await idOf("from-the-edge", path)).to.equal("from-the-edge");
      }
      await gateway.join({ headers: { "x-request-id": "a-join" } });
      expect(sfu.requests[0]!.headers).to.include({ "x-request-id": "a-join" });
      expect(gateway.logs.some(({ requestId }) => requestId === "a-join")).to.be.true;
    });
  });
});

function urlOf(gateway: TestGateway): { readonly hostname: string; readonly port: string } {
  const { hostname, port } = new URL(gateway.url);
  return { hostname, port };
}
