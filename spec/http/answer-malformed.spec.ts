import { connect } from "node:net";
import { expect } from "chai";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { sfuKey } from "../support/tokens.ts";

describe("answer-malformed", () => {
  let gateway: TestGateway;

  beforeEach(async () => {
    gateway = await startGateway({ sfus: [{ address: "http://sfu1.test", key: sfuKey(1) }] });
  });
  afterEach(() => gateway.close());

  /** @returns all that comes back until the connection ends */
  const send = (bytes: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1", () => socket.write(bytes));
      socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
      socket.on("end", () => resolve(answer)).on("error", reject);
    });

  const table = [
    { what: "something that is not HTTP", bytes: "\x16\x03\x01\x02\x00\x01\r\n\r\n", status: 400 },
    { what: "a header without a colon", bytes: "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", status: 400 },
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
    });
  }
});
