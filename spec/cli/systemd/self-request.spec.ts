import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { createSelfRequest } from "../../../lib/cli/systemd/self-request.ts";
import { systemClock } from "../../../lib/clock.ts";
import type { GatewayMiddleware } from "../../../lib/http/context.ts";
import { createHttpServer, type Server } from "../../../lib/server.ts";
import { eventually } from "../../support/eventually.ts";
import { useRawServers } from "../../support/sockets.ts";

const NEVER = new AbortController().signal;

/** Another process that answers any request with 200 on the port that it is given. */
const NEIGHBOUR = `
  const server = require("node:http").createServer((request, response) => response.end("hello from next door"));
  server.listen({ port: Number(process.argv[1]), host: "127.0.0.1", reusePort: true }, () => console.log("listening"));
`;

describe("the request to oneself", () => {
  const startRaw = useRawServers();
  let server: Server | null = null;
  let neighbours: ChildProcess[] = [];
  afterEach(async () => {
    await server?.close();
    server = null;
    for (const neighbour of neighbours.splice(0)) {
      const gone = once(neighbour, "exit");
      neighbour.kill("SIGKILL");
      await gone;
    }
    neighbours = [];
  });

  const answerWith =
    (status: number): GatewayMiddleware =>
    ({ response }) => {
      response.status = status;
      response.body = "hello";
    };
  const listen = (middleware: GatewayMiddleware, bind = "127.0.0.1"): Promise<AddressInfo> => {
    server = createHttpServer({
      clock: systemClock,
      port: 0,
      bind,
      reusePort: true,
      graceMs: () => 0,
      middleware: [middleware],
      onError: () => undefined,
    });
    return server.listen();
  };
  const startNeighbour = async (port: number): Promise<ChildProcess> => {
    const neighbour = spawn(process.execPath, ["-e", NEIGHBOUR, String(port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    neighbours.push(neighbour);
    await once(neighbour.stdout, "data");
    return neighbour;
  };
  /** @returns what it throws, or "fine" */
  const ask = (address: AddressInfo, attemptTimeoutMs = 300): Promise<string> =>
    createSelfRequest({ clock: systemClock, address, attemptTimeoutMs })(NEVER).then(
      () => "fine",
      (error: unknown) => (error as Error).message,
    );

  for (const bind of ["127.0.0.1", "0.0.0.0", "::", "::1"]) {
    it(`is answered at ${bind}`, async function () {
      const address = await listen(answerWith(200), bind).catch(() => this.skip());
      expect(await ask(address)).to.equal("fine");
    });
  }

  it("goes to /healthz, without a word that a caller would not say, and keeps no connection", async () => {
    let seen = "";
    let sockets = 0;
    const address = await listen((context) => {
      seen = `${context.method} ${context.path} ${Object.keys(context.headers).sort().join(" ")}`;
      context.req.socket.once("close", () => sockets--);
      sockets++;
      answerWith(200)(context, () => Promise.resolve());
    });
    expect(await ask(address)).to.equal("fine");
    expect(seen).to.equal("GET /healthz connection host");
    await eventually("all connections are closed", () => sockets === 0);
  });

  it("fails where the answer is not 200", async () => {
    expect(await ask(await listen(answerWith(500)))).to.equal("/healthz answered 500");
  });

  it("fails where nobody listens", async () => {
    const address = await listen(answerWith(200));
    await server?.close();
    expect(await ask(address)).to.equal("no answer: ECONNREFUSED");
  });

  it("fails where the request is taken and never answered", async () => {
    const address = await listen(() => new Promise(() => undefined));
    expect(await ask(address, 20)).to.equal("no answer within 20 ms");
  });

  it("takes no other server's word for its own", async () => {
    const { address } = await startRaw((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    const port = Number(new URL(address).port);
    const message = await ask({ address: "127.0.0.1", port, family: "IPv4" });
    expect(message).to.equal("its connections reach others on the same port only");
  });

  it("finds its own server among several processes on one port", async () => {
    const address = await listen(answerWith(200));
    await Promise.all([startNeighbour(address.port), startNeighbour(address.port)]);
    for (let time = 1; time <= 20; time++) expect(await ask(address)).to.equal("fine");
  });

  it("is not answered for this process by the others on its port when this one is at fault", async () => {
    const address = await listen(answerWith(503));
    await startNeighbour(address.port);
    expect(await ask(address)).to.equal("/healthz answered 503");
  });

  it("finds its own although another process on its port hangs", async () => {
    const address = await listen(answerWith(200));
    const neighbour = await startNeighbour(address.port);
    neighbour.kill("SIGSTOP");
    for (let time = 1; time <= 5; time++) expect(await ask(address, 50)).to.equal("fine");
  });

  it("ends when it is told to", async () => {
    const address = await listen(() => new Promise(() => undefined));
    const controller = new AbortController();
    const asked = createSelfRequest({ clock: systemClock, address })(controller.signal).catch(() => "ended");
    controller.abort();
    expect(await asked).to.equal("ended");
  });
});
