import { expect } from "chai";
import type { GatewayMiddleware } from "../../lib/http/context.ts";
import { readBody } from "../../lib/http/read-body.ts";
import { createHttpServer, type Server } from "../../lib/server.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { callRaw, type RawCaller } from "../support/sockets.ts";

const GET = "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n";
const SLOW = GET.replace("fast", "slow");
const HUGE = GET.replace("fast", "huge");
/** The head of a request whose body is never sent to its end. */
const UNFINISHED = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx";

/** More than the buffers of both kernels take. */
const HUGE_BYTES = 16 * 1024 * 1024;

describe("connections", () => {
  const clock = useFakeClock();

  describe("of callers", () => {
    let server: Server;
    let url: string;
    let limit: number;
    let cuts: string[];
    let slow: PromiseWithResolvers<undefined>;
    let accepted: number;
    let underWay: number;
    let gone: number;

    const serve: GatewayMiddleware = async ({ method, path, req, res, response }) => {
      underWay++;
      res.once("close", () => gone++);
      if (method === "POST") await readBody(req, 100);
      if (path === "/slow") await slow.promise;
      response.body = path === "/huge" ? "x".repeat(HUGE_BYTES) : "fast";
    };

    beforeEach(async () => {
      [limit, cuts, accepted, underWay, gone] = [4, [], 0, 0, 0];
      slow = Promise.withResolvers();
      server = createHttpServer({
        clock,
        port: 0,
        bind: "127.0.0.1",
        graceMs: () => 0,
        maxConnections: () => limit,
        onConnection: () => accepted++,
        onCut: (why, address) => cuts.push(`${why} ${address}`),
        middleware: [serve],
        onError: () => undefined,
      });
      url = `http://127.0.0.1:${String((await server.listen()).port)}`;
    });
    afterEach(async () => {
      slow.resolve(undefined);
      const closed = server.close();
      // The grace, and what is given to who was refused.
      await clock.elapse(1000);
      await closed;
      expect(server.connections).to.equal(0);
      expect(clock.timers()).to.equal(0);
    });

    /** Opens one, and waits until the server has heard what it says. */
    const call = async (text = ""): Promise<RawCaller> => {
      const before = { accepted, underWay };
      const caller = await callRaw(url, text);
      await eventually("it is in", () => accepted > before.accepted);
      const isRefused = (): boolean => cuts.at(-1)?.startsWith("full") === true;
      if (text !== "") await eventually("it is heard", () => underWay > before.underWay || isRefused());
      return caller;
    };
    const answered = async (caller: RawCaller, times = 1): Promise<void> => {
      await eventually("it is answered", () => caller.received().split("HTTP/1.1 200").length > times);
      // The server has then ended the request as well.
      await eventually("it is idle again", () => gone >= times);
    };
    const isOpen = ({ socket }: RawCaller): boolean => !socket.destroyed && !socket.readableEnded;

    it("are as many as may be, and the next takes the place of the one that was idle for longest", async () => {
      const [first, second, third, fourth] = [await call(), await call(), await call(), await call()];
      expect(server.connections).to.equal(4);
      const fifth = await call(GET);
      await first.closed;
      await answered(fifth);
      expect([second, third, fourth, fifth].map(isOpen)).to.deep.equal([true, true, true, true]);
      expect(cuts).to.deep.equal(["idle 127.0.0.1"]);
      expect(server.connections).to.equal(4);
    });

    it("are idle from their last answer on", async () => {
      const [first, second, third] = [await call(), await call(), await call()];
      first.socket.write(GET);
      await answered(first);
      const others = [await call(), await call()];
      await second.closed;
      expect([first, third, ...others].map(isOpen)).to.deep.equal([true, true, true, true]);
    });

    it("that wait for an answer are not idle: a new one is refused when all do", async () => {
      const busy = [await call(SLOW), await call(SLOW), await call(SLOW), await call(SLOW)];
      const refused = await call(GET);
      await refused.closed;
      expect(refused.received()).to.equal("");
      expect(cuts).to.deep.equal(["full 127.0.0.1"]);
      slow.resolve(undefined);
      await Promise.all(busy.map((caller) => answered(caller)));
      await answered(await call(GET));
      expect(cuts).to.deep.equal(["full 127.0.0.1", "idle 127.0.0.1"]);
    });

    it("are idle while the body of their request has not come to its end", async () => {
      const [unfinished, ...busy] = [await call(UNFINISHED), await call(SLOW), await call(SLOW), await call(SLOW)];
      await answered(await call(GET));
      await unfinished.closed;
      expect(busy.map(isOpen)).to.deep.equal([true, true, true]);
      expect(cuts).to.deep.equal(["idle 127.0.0.1"]);
    });

    it("are not idle any more when it has", async () => {
      limit = 1;
      const whole = await call(UNFINISHED.replace("/body", "/slow").replace("9", "1"));
      const refused = await call(GET);
      await refused.closed;
      expect(cuts).to.deep.equal(["full 127.0.0.1"]);
      slow.resolve(undefined);
      await answered(whole);
    });

    it("make room for several at once, whatever becomes of the others", async () => {
      limit = 20;
      const idle = await Promise.all(Array.from({ length: 20 }, () => callRaw(url)));
      const newcomers = await Promise.all(Array.from({ length: 20 }, () => callRaw(url, GET)));
      await eventually("all are answered", () => newcomers.every(({ received }) => received().includes("fast")));
      await Promise.all(idle.map(({ closed }) => closed));
      expect(cuts).to.have.length(20);
    });

    it("are cut down to a lower limit with the next one", async () => {
      const callers = [await call(), await call(), await call(), await call()];
      limit = 2;
      const last = await call(GET);
      await Promise.all(callers.slice(0, 3).map(({ closed }) => closed));
      await answered(last);
      expect(server.connections).to.equal(2);
    });

    it("on which requests wait for their turn tell them that their caller has hung up", async () => {
      const caller = await call(SLOW.repeat(3));
      await eventually("all three are heard", () => underWay === 3);
      caller.socket.resetAndDestroy();
      await eventually("all three are over", () => gone === 3);
      expect(server.connections).to.equal(0);
    });

    describe("of callers who do not read their answers", () => {
      /** Takes what comes with the first packets and nothing more. */
      const callDeaf = async (): Promise<RawCaller> => {
        const caller = await callRaw(url);
        caller.socket.pause();
        caller.socket.write(HUGE);
        await eventually("it is answered", () => underWay === 1);
        return caller;
      };

      it("are cut half a minute after", async () => {
        await callDeaf();
        await clock.elapse(30_000);
        expect(server.connections).to.equal(1);
        await clock.elapse(2000);
        expect(server.connections).to.equal(0);
        expect(cuts).to.deep.equal(["slow 127.0.0.1"]);
      });

      it("make room before that, if it is needed", async () => {
        limit = 1;
        await callDeaf();
        await clock.elapse(2000);
        await callRaw(url, GET);
        await eventually("another is served", () => underWay === 2);
        expect(cuts).to.deep.equal(["idle 127.0.0.1"]);
      });

      it("are left alone if these read in the end", async () => {
        const caller = await callDeaf();
        await clock.elapse(20_000);
        caller.socket.resume();
        await eventually("it has all of it", () => caller.received().length > HUGE_BYTES);
        caller.socket.write(GET);
        await eventually("and another answer", () => caller.received().endsWith("fast"));
        await clock.elapse(60_000);
        expect(cuts).to.deep.equal([]);
        expect(isOpen(caller)).to.be.true;
      });
    });
  });
});
