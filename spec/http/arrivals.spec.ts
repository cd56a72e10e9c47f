import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect } from "chai";
import { useOffice } from "../support/office.ts";
import { eventually } from "../support/eventually.ts";
import { claimsOf, token } from "../support/tokens.ts";

describe("arrivals", () => {
  const office = useOffice(1);
  let sockets: Socket[];

  beforeEach(() => {
    sockets = [];
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
  });

  /** A connection that the gateway has accepted: it has answered on one that was opened after it. */
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(office.gateway.url).port), "127.0.0.1").setEncoding("utf8");
    sockets.push(socket);
    await once(socket, "connect");
    expect((await office.gateway.get("/healthz")).status).to.equal(200);
    return socket;
  };
  const ask = async (socket: Socket, iss: string): Promise<string> => {
    let answer = "";
    const collect = (text: string): void => void (answer += text);
    socket.on("data", collect);
    socket.write(
      `GET /v1/channel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token({ claims: claimsOf(iss) })}\r\n\r\n`,
    );
    await eventually("it is answered", () => answer.endsWith("}"));
    socket.off("data", collect);
    return (JSON.parse(answer.split("\r\n\r\n")[1] ?? "") as { uuid: string }).uuid;
  };

  it("lets a request that had set out before an answer was there share it", async () => {
    const early = await open();
    const { body } = await office.gateway.join({ iss: "room" });
    expect(await ask(early, "room")).to.equal(body.uuid);
    expect(office.fleet.joins()).to.equal(1);
    expect(await office.gateway.metric("coalesced_total")).to.equal(1);
  });

  it("asks the SFU again for who asks after the answer, on a new connection or the same one", async () => {
    const early = await open();
    await ask(early, "room");
    await ask(early, "room");
    await ask(await open(), "room");
    expect(office.fleet.joins()).to.equal(3);
    expect(await office.gateway.metric("coalesced_total")).to.equal(0);
  });
});
