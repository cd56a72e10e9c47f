import { expect } from "chai";
import { startGateway, type TestGateway } from "../support/gateway.ts";

describe("scenario: there is no SFU", () => {
  let gateway: TestGateway;

  beforeEach(async () => {
    gateway = await startGateway({ sfus: [] });
  });
  afterEach(() => gateway.close());

  it("gives every call its 503 at once, and is alive and not ready", async () => {
    const { status, body, headers } = await gateway.join();
    expect(status).to.equal(503);
    expect(headers.get("retry-after")).to.equal("1");
    expect(body).to.include({ error: "no_sfu_available" });
    expect((await gateway.get("/readyz")).status).to.equal(503);
    expect((await gateway.get("/healthz")).status).to.equal(200);
    expect(await (await gateway.get("/v1/health")).json()).to.deep.equal({
      status: "unavailable",
      available: 0,
      store: null,
      total: 0,
      sfus: [],
    });
  });
});
