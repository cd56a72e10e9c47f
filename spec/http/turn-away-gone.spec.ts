import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { type EventMap, Events } from "../../lib/events.ts";
import { createArrivals } from "../../lib/http/arrivals.ts";
import { createTurnAway } from "../../lib/http/turn-away.ts";
import { createHttpServer, type Server } from "../../lib/server.ts";
import { eventually } from "../support/eventually.ts";
import { callRaw } from "../support/sockets.ts";

const CALL = "GET /v1/channel HTTP/1.1\r\nHost: x\r\n\r\n";

describe("a caller who has waited in the kernel's queue", () => {
  let server: Server;
  let url: string;
  let standingMs: number;
  let served: number;
  let ended: number;
  let turnedAway: EventMap["turnedAway"][];
  beforeEach(async () => {
    [standingMs, served, ended, turnedAway] = [500, 0, 0, []];
    const events = new Events();
    events.on("turnedAway", (event) => turnedAway.push(event));
    const arrivals = createArrivals(systemClock);
    server = createHttpServer({
      clock: systemClock,
      port: 0,
      bind: "127.0.0.1",
      graceMs: () => 1000,
      onError: () => undefined,
      onConnection: (socket) => arrivals.opened(socket),
      turnAway: createTurnAway({
        admission: { admit: () => () => ended++, inFlight: 0 },
        backlog: { standingMs: () => standingMs },
        arrivals,
        events,
        isDraining: () => false,
      }),
      middleware: [
        ({ response }) => {
          served++;
          response.body = "hello";
        },
      ],
    });
    url = `http://127.0.0.1:${String((await server.listen()).port)}`;
  });
  afterEach(() => server.close());

  /** All that he has to say has come before he is taken in. */
  const leave = async (): Promise<void> => {
    const { socket, closed } = await callRaw(url);
    socket.end(CALL);
    await closed;
  };

  it("is not served where he has gone, and takes no room", async () => {
    await leave();
    await eventually("it has ended", () => ended === 1);
    expect(served).to.equal(0);
    expect(turnedAway).to.deep.equal([{ isCall: true, why: "caller_gone" }]);
  });

  it("is served where he is still there", async () => {
    const { socket, received } = await callRaw(url, CALL);
    await eventually("it is answered", () => received().includes("hello"));
    socket.destroy();
    expect(turnedAway).to.deep.equal([]);
  });

  it("is not looked at where the queue is short", async () => {
    standingMs = 0;
    await leave();
    await eventually("it has ended", () => ended === 1);
    expect(served).to.equal(1);
  });
});
