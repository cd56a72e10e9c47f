import { expect } from "chai";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { callRaw } from "../support/sockets.ts";
import { sfuKey } from "../support/tokens.ts";

describe("answer-malformed", () => {
  let gateway: TestGateway;

  beforeEach(async () => {
    gateway = await startGateway({ sfus: [{ address: "http://sfu1.test", key: sfuKey(1) }] });
  });
  afterEach(() => gateway.close());

  /** @returns all that comes back until the connection ends */
  const send = async (bytes: string): Promise<string> => {
    const caller = await callRaw(gateway.url, bytes);
    await caller.closed;
    return caller.received();
  };

  const table = [
    { what: "something that is not HTTP", bytes: "\x16\x03\x01\x02\x00\x01\r\n\r\n", status: 400 },
    { what: "a header without a colon", bytes: "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", status: 400 },
    { what: "a request without a Host", bytes: "GET / HTTP/1.1\r\n\r\n", status: 400 },
    {
      what: "headers of more than 16 KB",
      bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(17_000)}\r\n\r\n`,
      status: 431,
    },
  ];
  for (const { what, bytes, status } of table) {
    it(`answers ${what} with ${String(status)}, as JSON and with an id, and ends the connection`, async () => {
      const [head = "", body = ""] = (await send(bytes)).split("\r\n\r\n");
      expect(head).to.match(new RegExp(`^HTTP/1.1 ${String(status)} `));
      const requestId = /^X-Request-Id: (.+)$/im.exec(head)?.[1];
      expect(JSON.parse(body)).to.include({ error: "bad_request", requestId });
      expect(requestId).to.have.length(36);
      // So that one who was refused finds himself in the log.
      expect(gateway.logs.map((line) => line.requestId)).to.include(requestId);
      expect(await gateway.metric('rejected_total{reason="bad_request"}')).to.equal(1);
    });
  }

  it("keeps the id that a proxy has given, where it could be read", async () => {
    const answer = await send("GET / HTTP/1.1\r\nX-Request-Id: from-the-edge\r\n\r\n");
    expect(answer)
      .to.match(/^HTTP\/1\.1 400 /)
      .and.contain("\r\nX-Request-Id: from-the-edge\r\n");
  });

  it("says nothing to who has hung up", async () => {
    const caller = await callRaw(gateway.url, "GET / HTTP/1.1\r\nHos");
    caller.socket.resetAndDestroy();
    await caller.closed;
    expect((await gateway.get("/healthz")).status).to.equal(200);
    expect(await gateway.metric('rejected_total{reason="bad_request"}')).to.equal(0);
  });
});
