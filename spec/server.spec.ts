import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { systemClock } from "../lib/clock.ts";
import type { GatewayMiddleware } from "../lib/http/context.ts";
import { readBody } from "../lib/http/read-body.ts";
import { createHttpServer, type Server, type ServerOptions } from "../lib/server.ts";
import { useFakeClock } from "./support/clock.ts";
import { eventually } from "./support/eventually.ts";
import { callRaw, type RawCaller } from "./support/sockets.ts";

const GRACE_MS = 5000;
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

describe("the HTTP server", () => {
  let server: Server;
  let troubles: unknown[];
  beforeEach(() => {
    troubles = [];
  });
  afterEach(() => server.close());

  /** @returns its URL */
  const serve = async (middleware: GatewayMiddleware, options: Partial<ServerOptions> = {}): Promise<string> => {
    server = createHttpServer({
      clock: systemClock,
      port: 0,
      bind: "127.0.0.1",
      graceMs: () => GRACE_MS,
      middleware: [middleware],
      onError: (error) => troubles.push(error),
      ...options,
    });
    return `http://127.0.0.1:${String((await server.listen()).port)}`;
  };
  const sayHello: GatewayMiddleware = ({ response }) => {
    response.body = "hello";
  };

  it("says where it listens, and answers there", async () => {
    const url = await serve(sayHello);
    expect(await (await fetch(url)).text()).to.equal("hello");
  });

  it("says what is wrong where it cannot listen, and can be closed all the same", async () => {
    const { port } = new URL(await serve(sayHello));
    const options = {
      clock: systemClock,
      bind: "127.0.0.1",
      graceMs: () => 0,
      middleware: [],
      onError: () => undefined,
    };
    const second = createHttpServer({ ...options, port: Number(port) });
    const error: unknown = await second.listen().catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "EADDRINUSE" });
    await second.close();
  });

  describe("on a port that is to be shared", () => {
    let others: Server[];
    beforeEach(() => {
      others = [];
    });
    afterEach(() => Promise.all(others.map((other) => other.close())));

    const listenAlso = async (port: number, options: Partial<ServerOptions> = {}): Promise<number> => {
      const other = createHttpServer({
        clock: systemClock,
        port,
        bind: "127.0.0.1",
        graceMs: () => GRACE_MS,
        middleware: [
          ({ response }) => {
            response.body = "hello from the other one";
          },
        ],
        onError: (error) => troubles.push(error),
        ...options,
      });
      others.push(other);
      return (await other.listen()).port;
    };

    it("both serve where both say so, and one goes on alone", async () => {
      const url = await serve(sayHello, { reusePort: true });
      const port = Number(new URL(url).port);
      expect(await listenAlso(port, { reusePort: true })).to.equal(port);
      const answers = new Set<string>();
      await eventually("both have answered", async () => {
        answers.add(await (await fetch(url, { headers: { connection: "close" } })).text());
        return answers.size === 2;
      });
      await server.close();
      for (let time = 1; time <= 10; time++) {
        expect(await (await fetch(url)).text()).to.equal("hello from the other one");
      }
    });

    for (const [first, second] of [
      [false, true],
      [true, false],
    ] as const) {
      it(`the second cannot listen where only the ${first ? "first" : "second"} says so`, async () => {
        const port = Number(new URL(await serve(sayHello, { reusePort: first })).port);
        const error: unknown = await listenAlso(port, { reusePort: second }).catch((thrown: unknown) => thrown);
        expect(error).to.include({ code: "EADDRINUSE" });
      });
    }
  });

  it("answers 500 to what nobody has caught, tells of it, and goes on", async () => {
    const error = new Error("the secret");
    const url = await serve(({ path, response }) => {
      if (path === "/bad") throw error;
      response.body = "hello";
    });
    const response = await fetch(`${url}/bad`);
    expect(response.status).to.equal(500);
    expect(await response.text()).not.to.contain("secret");
    expect(troubles).to.deep.equal([error]);
    expect((await fetch(url)).status).to.equal(200);
  });

  it("does not take a caller who resets his connection for trouble", async () => {
    const seen = { begun: false, over: false };
    const url = await serve(({ path, res, response }) => {
      if (path === "/fast") {
        response.body = "fast";
        return;
      }
      seen.begun = true;
      return new Promise<void>((resolve) => {
        res.once("close", () => {
          seen.over = true;
          resolve();
        });
      });
    });
    const caller = await callRaw(url, GET);
    await eventually("the request has arrived", () => seen.begun);
    caller.socket.resetAndDestroy();
    await eventually("the request has ended", () => seen.over);
    // Whatever there is to tell has been told by then.
    await fetch(`${url}/fast`);
    expect(troubles).to.deep.equal([]);
  });

  describe("given a caller who takes his time", () => {
    const HURRY = { requestTimeMs: 50 };

    const POST = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    const readAll: GatewayMiddleware = async ({ req, response }) => {
      // In a gateway somebody catches it.
      const body = await readBody(req, 100).catch(() => "none");
      response.body = String(body);
    };
    /** Writes a byte now and then, for as long as anybody listens. */
    const trickle = async ({ socket, closed }: RawCaller, byte: string): Promise<void> => {
      const stop = systemClock.every(10, () => socket.write(byte));
      await closed;
      stop();
    };

    it("cuts headers without an end", async () => {
      const caller = await callRaw(await serve(sayHello, HURRY), "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
      await caller.closed;
      expect(caller.received()).to.match(/^HTTP\/1\.1 408 /);
    });

    it("cuts headers that come byte by byte", async () => {
      const caller = await callRaw(await serve(sayHello, HURRY), "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
      await trickle(caller, "x");
      expect(caller.received()).to.match(/^HTTP\/1\.1 408 /);
    });

    it("cuts the next request that comes byte by byte, on a connection that has served one", async () => {
      const caller = await callRaw(await serve(sayHello, HURRY), GET);
      await eventually("the first is answered", () => caller.received().endsWith("hello"));
      caller.socket.write("GET / HTTP/1.1\r\nX-Slow: ");
      await trickle(caller, "x");
      expect(caller.received().match(/HTTP\/1\.1 \d+/g)).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 408"]);
    });

    it("cuts a body without an end, and a body that comes byte by byte", async () => {
      const url = await serve(readAll, HURRY);
      const [silent, slow] = [await callRaw(url, POST), await callRaw(url, POST.replace("9", "90"))];
      await Promise.all([silent.closed, trickle(slow, "x")]);
      expect(silent.received()).to.match(/^HTTP\/1\.1 408 /);
      expect(slow.received()).to.match(/^HTTP\/1\.1 408 /);
      expect(troubles).to.deep.equal([]);
    });

    it("cuts chunks without an end", async () => {
      const caller = await callRaw(
        await serve(readAll, HURRY),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      await trickle(caller, "1\r\nx\r\n");
      expect(caller.received()).to.match(/^HTTP\/1\.1 4(08|13) /);
    });

    it("gives one answer to a request, and cuts the body that it did not want", async () => {
      const caller = await callRaw(await serve(sayHello, HURRY), POST);
      await caller.closed;
      expect(caller.received().match(/HTTP\/1\.1 \d+/g)).to.deep.equal(["HTTP/1.1 200"]);
    });

    it("cuts a connection on which nothing is ever said, without a word", async () => {
      const caller = await callRaw(await serve(sayHello, HURRY));
      await caller.closed;
      expect(caller.received()).to.equal("");
    });

    it("ends the connection of a caller who was refused and does not go", async () => {
      const url = await serve(sayHello);
      const caller = await callRaw(url);
      const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true });
      const closed = once(socket, "close");
      socket.on("error", () => undefined).resume();
      socket.write("NONSENSE\r\n\r\n");
      await once(socket, "end");
      expect(server.connections).to.equal(2);
      await eventually("he is gone", () => server.connections === 1);
      caller.socket.destroy();
      socket.destroy();
      await closed;
    });

    it("lets who has said his part and closed it go, and ends what he asked for", async () => {
      let isOver = false;
      const url = await serve(({ res }) => {
        return new Promise<void>((resolve) => {
          res.once("close", () => {
            isOver = true;
            resolve();
          });
        });
      });
      const caller = await callRaw(url, GET);
      caller.socket.end();
      await caller.closed;
      await eventually("it has ended", () => isOver);
      expect(troubles).to.deep.equal([]);
    });
  });

  const isRefused = async (url: string): Promise<boolean> => {
    const error: unknown = await fetch(`${url}/fast`).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return ((error as Error | null)?.cause as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
  };

  describe("when it is closed", () => {
    const clock = useFakeClock();

    /** A server whose requests end when the spec lets them. */
    const serveSlowly = async (): Promise<{ url: string; arrived: () => number; finish: () => void }> => {
      const gate = Promise.withResolvers<undefined>();
      let arrived = 0;
      const url = await serve(
        async ({ response, path }) => {
          if (path === "/fast") {
            response.body = "fast";
            return;
          }
          arrived++;
          await gate.promise;
          response.set("Connection", "close");
          response.body = "slow";
        },
        { clock },
      );
      return { url, arrived: () => arrived, finish: () => gate.resolve(undefined) };
    };

    it("finishes what is in flight and takes nothing new", async () => {
      const { url, arrived, finish } = await serveSlowly();
      const answer = fetch(url);
      await eventually("the request has arrived", () => arrived() === 1);
      let isClosed = false;
      const closed = server.close().then(() => (isClosed = true));
      await eventually("a new connection is refused", () => isRefused(url));
      expect(isClosed).to.be.false;
      finish();
      expect(await (await answer).text()).to.equal("slow");
      await closed;
    });

    it("waits for no idle connection that has been used", async () => {
      const { url } = await serveSlowly();
      const used = await callRaw(url, GET.replace("/", "/fast"));
      await eventually("the answer is there", () => used.received().endsWith("fast"));
      await server.close();
      await used.closed;
    });

    it("waits half a second for a request on a connection that is there, and no longer", async () => {
      const { url } = await serveSlowly();
      const [late, silent] = [await callRaw(url), await callRaw(url)];
      let isClosed = false;
      const closed = server.close().then(() => (isClosed = true));
      await eventually("nobody else is let in", () => isRefused(url));
      late.socket.write(GET.replace("/", "/fast"));
      await eventually("the answer is there", () => late.received().endsWith("fast"));
      late.socket.end();
      await clock.elapse(499);
      expect(isClosed).to.be.false;
      await clock.elapse(1);
      await Promise.all([closed, late.closed, silent.closed]);
      expect(silent.received()).to.equal("");
    });

    it("answers all who have connected, however many wait to be let in", async () => {
      const { url } = await serveSlowly();
      const callers = await Promise.all(Array.from({ length: 60 }, () => callRaw(url, GET.replace("/", "/fast"))));
      const closed = server.close();
      await eventually("all are answered", () => callers.every((caller) => caller.received().endsWith("fast")));
      await closed;
    });

    it("cuts what does not end, when the grace is over and no sooner", async () => {
      const { url, arrived } = await serveSlowly();
      const caller = await callRaw(url, GET);
      await eventually("the request has arrived", () => arrived() === 1);
      let isClosed = false;
      const closed = server.close().then(() => (isClosed = true));
      await clock.elapse(GRACE_MS - 1);
      expect(isClosed).to.be.false;
      await clock.elapse(1);
      await Promise.all([closed, caller.closed]);
      expect(caller.received()).to.equal("");
    });

    it("may be closed again, or before it has listened", async () => {
      await serveSlowly();
      await Promise.all([server.close(), server.close()]);
      await server.close();
      const options = { clock, port: 0, bind: "127.0.0.1", graceMs: () => GRACE_MS, middleware: [] };
      await createHttpServer({ ...options, onError: () => undefined }).close();
      expect(troubles).to.deep.equal([]);
    });
  });
});
