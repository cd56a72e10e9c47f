import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { SECURITY_HEADERS } from "../../lib/http/security-headers.ts";
import { createHttpServer, type Server } from "../../lib/server.ts";
import { type Answered, type Asked, ask } from "../support/request.ts";
import { useFleet } from "../support/fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { useCleanup } from "../support/cleanup.ts";
import { callRaw } from "../support/sockets.ts";
import { disconnectToken } from "../support/disconnect.ts";
import { claimsOf, token } from "../support/tokens.ts";

const ADMIN_TOKEN = "an admin token that nobody would guess";
const OPEN = {
  SFU_GATEWAY_REGISTRATION_KEY: Buffer.from("the key of all who may register").toString("base64"),
  SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
};
const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
const JOIN = { authorization: `Bearer ${token({ claims: claimsOf("room") })}` };

/** What there is to be asked with and got, on each route when all is well. */
const WELL: Readonly<Record<string, Asked>> = {
  "GET /v1/channel": { headers: JOIN },
  "POST /v1/disconnect": { body: disconnectToken({}) },
  "GET /v1/health": {},
  "GET /dashboard": {},
  "GET /dashboard/data": {},
  "GET /healthz": {},
  "GET /readyz": {},
  "GET /noop": {},
  "GET /v1/noop": {},
  "GET /metrics": {},
  "GET /v1/explain": { headers: ADMIN },
  "POST /v1/sfu/drain": { headers: ADMIN },
  "POST /v1/sfu/undrain": { headers: ADMIN },
};

interface Failure {
  readonly status: number;
  readonly path: string;
  readonly asked?: Asked;
  readonly setup?: Partial<GatewaySetup>;
}

/** Whoever answers: the routes, the router, what sits before them, and what sits before that. */
const FAILURES: readonly Failure[] = [
  { status: 400, path: "/v1/sfu/drain", asked: { method: "POST", headers: ADMIN, body: "no JSON" } },
  { status: 401, path: "/v1/channel" },
  { status: 401, path: "/v1/sfu", asked: { method: "POST", body: "{}" } },
  {
    status: 403,
    path: "/v1/channel",
    asked: { headers: { authorization: `Bearer ${token({ claims: { exp: 4e9 } })}` } },
  },
  { status: 404, path: "/nowhere" },
  { status: 404, path: "/v1/sfu", asked: { method: "POST" }, setup: { env: {} } },
  { status: 405, path: "/healthz", asked: { method: "DELETE" } },
  { status: 405, path: "/v1/channel", asked: { method: "HEAD" } },
  { status: 200, path: "/v1/channel", asked: { method: "OPTIONS" } },
  { status: 200, path: "/healthz", asked: { method: "HEAD" } },
  { status: 413, path: "/v1/disconnect", asked: { method: "POST", body: "x".repeat(70_000) } },
  { status: 417, path: "/healthz", asked: { headers: { expect: "a miracle" } } },
  { status: 422, path: "/v1/disconnect", asked: { method: "POST", body: "x" } },
  { status: 429, path: "/nowhere", setup: { rateLimit: { requests: 1, windowMs: 60_000 } } },
  { status: 431, path: "/healthz", asked: { headers: { "x-long": "x".repeat(17_000) } } },
  { status: 503, path: "/v1/channel", asked: { headers: JOIN }, setup: { sfus: [] } },
  { status: 503, path: "/v1/channel", asked: { headers: JOIN }, setup: { limits: { maxRequests: 0 } } },
  { status: 503, path: "/readyz", setup: { sfus: [] } },
];

describe("security headers", () => {
  const start = useFleet();
  const cleanUp = useCleanup();
  const serve = async (setup: Partial<GatewaySetup> = {}): Promise<TestGateway> => {
    const { entries } = await start(1, { latencyMs: { min: 0, max: 0 } });
    const gateway = await startGateway({ sfus: entries, env: OPEN, ...setup });
    cleanUp(() => gateway.close());
    return gateway;
  };

  /** The policy may be the dashboard's own. */
  const expectHeaders = ({ headers }: Pick<Answered, "headers">, policy: string | null = null): void => {
    const others = Object.entries(SECURITY_HEADERS).filter(([name]) => name !== "Content-Security-Policy");
    for (const [name, value] of others) expect(headers[name.toLowerCase()], name).to.equal(value);
    expect(headers["content-security-policy"]).to.equal(policy ?? SECURITY_HEADERS["Content-Security-Policy"]);
    // What runs here is nobody's business.
    expect(headers).to.not.have.any.keys("server", "x-powered-by", "via");
  };

  it("are on what every route answers when all is well", async () => {
    const gateway = await serve();
    // A heartbeat that is taken: spec/http/register-sfu.spec.ts has it.
    const routes = gateway.app.routes().filter((route) => route !== "POST /v1/sfu");
    expect(Object.keys(WELL)).to.have.members(routes);
    const [address] = ((await (await gateway.get("/v1/health")).json()) as { sfus: { address: string }[] }).sfus;
    for (const [route, asked] of Object.entries(WELL)) {
      const [method = "", path = ""] = route.split(" ");
      const body = path.startsWith("/v1/sfu/") ? JSON.stringify({ address: address?.address }) : asked.body;
      const answered = await ask(gateway.url + path, { ...asked, method, ...(body === undefined ? {} : { body }) });
      expect(answered.status, route).to.equal(200);
      expectHeaders(answered, path === "/dashboard" ? String(answered.headers["content-security-policy"]) : null);
    }
  });

  it("but for the page, which has a policy of its own, by hashes", async () => {
    const { headers } = await ask(`${(await serve()).url}/dashboard`);
    expect(headers["content-security-policy"]).to.match(
      /^default-src 'none'; script-src 'sha256-.*frame-ancestors 'none'/,
    );
  });

  for (const { status, path, asked = {}, setup } of FAILURES) {
    const { method = "GET" } = asked;
    it(`are on ${method} ${path} with ${String(status)}${setup === undefined ? "" : `, given ${Object.keys(setup).join()}`}`, async () => {
      const gateway = await serve(setup);
      if (status === 429) await ask(gateway.url + path, asked);
      const answered = await ask(gateway.url + path, asked);
      expect(answered.status).to.equal(status);
      expectHeaders(answered);
    });
  }

  describe("without a gateway behind the server", () => {
    let server: Server;
    const listen = async (thrown: unknown, requestTimeMs = 10_000): Promise<string> => {
      server = createHttpServer({
        clock: systemClock,
        port: 0,
        bind: "127.0.0.1",
        graceMs: () => 1000,
        requestTimeMs,
        middleware: [
          () => {
            throw thrown;
          },
        ],
        onError: () => undefined,
      });
      cleanUp(() => server.close());
      return `http://127.0.0.1:${String((await server.listen()).port)}`;
    };

    it("are on the 500 of what nobody has caught", async () => {
      const answered = await ask(await listen(new Error("unforeseen")));
      expect(answered.status).to.equal(500);
      expectHeaders(answered);
    });

    for (const [what, bytes, status] of [
      ["what is no request", "NONSENSE\r\n\r\n", 400],
      ["a CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["a request that takes too long", "GET / HTTP/1.1\r\nHost: x\r\n", 408],
    ] as const) {
      it(`are on the answer to ${what}`, async () => {
        const caller = await callRaw(await listen(null, 50), bytes);
        await caller.closed;
        const [first = "", ...lines] = caller.received().split("\r\n\r\n")[0]!.split("\r\n");
        expect(first).to.match(new RegExp(`^HTTP/1.1 ${String(status)} `));
        expectHeaders({
          headers: Object.fromEntries(new Headers(lines.map((line) => line.split(": ", 2) as [string, string]))),
        });
      });
    }
  });
});
