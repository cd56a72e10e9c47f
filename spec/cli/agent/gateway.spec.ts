import { expect } from "chai";
import { parseKey } from "../../../lib/auth/keys.ts";
import type { Outcome } from "../../../lib/cli/agent/answer.ts";
import { createGatewayClient } from "../../../lib/cli/agent/gateway.ts";
import type { Heartbeat } from "../../../lib/cli/agent/heartbeat.ts";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { answer, type RawHandler, useRawServers } from "../../support/sockets.ts";
import { sfuKey } from "../../support/tokens.ts";
import { ADDRESS, REGISTRATION_KEY } from "./harness.ts";

const heartbeat: Heartbeat = {
  status: "up",
  address: ADDRESS,
  region: "eu-west-3",
  key: sfuKey(1),
  channels: 0,
  sessions: 0,
  cpuUsage: 0,
  memoryUsage: 0,
};

describe("sending a heartbeat", () => {
  const listen = useRawServers();

  const send = (url: string, timeoutMs = 3000, signal = new AbortController().signal): Promise<Outcome> =>
    createGatewayClient(url, parseKey(REGISTRATION_KEY), systemClock).send(heartbeat, { timeoutMs, signal });

  const cases: Readonly<Record<string, readonly [why: string, RawHandler]>> = {
    "closes without an answer": ["closed the connection before it had answered (ECONNRESET)", (socket) => socket.end()],
    "resets the connection": [
      "closed the connection before it had answered (ECONNRESET)",
      (socket) => socket.resetAndDestroy(),
    ],
    "closes amid a body of a known length": [
      "closed the connection",
      (socket) => socket.end(answer('{"result":"ok"}').slice(0, -1)),
    ],
    "speaks something else than HTTP": [
      "answered with something that is not HTTP (HPE_INVALID_CONSTANT)",
      (socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n"),
    ],
    "switches to another protocol": [
      "answered with a switch to another protocol",
      (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ],
    "announces a body that is too large": [
      "answered with more than 64 KB",
      (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"),
    ],
    "sends a body without an end": [
      "answered with more than 64 KB",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(65_537)}`),
    ],
    "never answers": ["did not answer within 40 ms", () => undefined],
    "never comes to an end": ["did not answer within 40 ms", (socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n{")],
  };
  for (const [what, [why, handle]] of Object.entries(cases)) {
    it(`fails, once, and leaves no connection where the gateway ${what}`, async () => {
      const gateway = await listen(handle);
      const outcome = await send(gateway.address, why.includes("40 ms") ? 40 : undefined);
      expect(outcome.kind).to.equal("unreachable");
      expect(outcome)
        .to.have.property("why")
        .that.satisfies((said: string) => said.startsWith(why));
      expect(gateway.connections).to.equal(1);
      await eventually("all connections are closed", () => gateway.open === 0);
    });
  }

  it("fails where nobody listens, nobody has that name, or it is no TLS", async () => {
    const plain = await listen((socket) => socket.write(answer("", "400 Bad Request")));
    expect(await send("http://127.0.0.1:1")).to.include({ why: "refused the connection (ECONNREFUSED)" });
    expect(await send("http://nothing.invalid"))
      .to.have.property("why")
      .that.matches(/^has a name that (nobody knows|could not be resolved)/);
    expect(await send(plain.address.replace("http:", "https:")))
      .to.have.property("why")
      .that.matches(/^speaks no TLS at that port/);
  });

  it("ends with the reason of its signal, and closes the connection", async () => {
    const gateway = await listen(() => undefined);
    const controller = new AbortController();
    const reason = new Error("SIGTERM");
    const sending = send(gateway.address, 3000, controller.signal);
    await eventually("the heartbeat is on its way", () => gateway.requests.length === 1);
    controller.abort(reason);
    expect(await sending.catch((error: unknown) => error)).to.equal(reason);
    await eventually("all connections are closed", () => gateway.open === 0);
  });
});
