import { expect } from "chai";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";

describe("GET /v1/health", () => {
  const start = useSimulatedSfus();
  let sfus: readonly [SimulatedSfu, SimulatedSfu];
  let gateway: TestGateway;
  beforeEach(async () => {
    sfus = [await start(), await start({ key: sfuKey(2) })];
    gateway = await startGateway({
      sfus: [
        { address: sfus[0].address, key: sfuKey(1), region: "EU-West-3" },
        { address: sfus[1].address, key: sfuKey(2) },
      ],
      breaker: { minimumRequests: 1 },
    });
  });
  afterEach(() => gateway.close());

  const health = async (): Promise<{
    readonly code: number;
    readonly text: string;
    readonly body: { readonly available: number; readonly sfus: readonly Readonly<Record<string, unknown>>[] };
  }> => {
    const response = await gateway.get("/v1/health");
    const text = await response.text();
    return { code: response.status, text, body: JSON.parse(text) as never };
  };

  it("tells of every SFU, and nothing that nobody knows yet", async () => {
    const { code, body } = await health();
    const unknown = {
      available: true,
      state: "unknown",
      reason: null,
      out: null,
      breaker: "closed",
      load: null,
      score: 0,
      reportAgeMs: null,
      draining: false,
      source: "static",
    };
    expect(code).to.equal(200);
    const known = body.sfus.map(({ since, ...rest }) => {
      expect(since).to.match(/^\d{4}-\d\d-\d\dT/);
      return rest;
    });
    expect({ ...body, sfus: known }).to.deep.equal({
      status: "ok",
      available: 2,
      total: 2,
      store: null,
      sfus: [
        { address: sfus[0].address, region: "eu-west-3", ...unknown },
        { address: sfus[1].address, region: null, ...unknown },
      ],
    });
  });

  it("tells why an SFU is out and since when, and is 200 while another one is in", async () => {
    await sfus[0].break({ kind: "refuse" });
    await gateway.join({ query: "region=eu-west-3" });
    const { code, body } = await health();
    expect(code).to.equal(200);
    expect(body).to.include({ status: "ok", available: 1 });
    expect(body.sfus[0]).to.include({ available: false, state: "failing", breaker: "open" });
    expect(body.sfus[0]!.reason).to.match(/refused the connection/);
    expect(body.sfus[0]!.since).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(body.sfus[1]).to.include({ available: true, state: "healthy", breaker: "closed", reason: null });
  });

  it("is 503 where none is available", async () => {
    for (const sfu of sfus) await sfu.break({ kind: "refuse" });
    await gateway.join();
    const { code, body } = await health();
    expect(code).to.equal(503);
    expect(body).to.include({ status: "unavailable", available: 0 });
    expect((await gateway.get("/readyz")).status).to.equal(503);
  });

  it("tells of a wrong key, and never a key", async () => {
    await sfus[0].break({ kind: "unauthorized" });
    await gateway.join({ query: "region=eu-west-3" });
    await eventually("the key check has ended", async () => (await health()).body.available === 1);
    const { text, body } = await health();
    expect(body.sfus[0]).to.include({ available: false, state: "misconfigured" });
    expect(text).not.to.match(/"key"/);
    for (const key of [GATEWAY_KEY, sfuKey(1), sfuKey(2)]) expect(text).not.to.contain(key);
  });
});
