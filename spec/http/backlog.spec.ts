import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect } from "chai";
import { loopTurn, systemClock, turnsOfTheLoop } from "../../lib/clock.ts";
import { type Backlog, createBacklog } from "../../lib/http/backlog.ts";
import { useCleanup } from "../support/cleanup.ts";
import { useFakeClock } from "../support/clock.ts";

describe("the kernel's queue of connections", () => {
  describe("by the turns that brought one", () => {
    const clock = useFakeClock();
    let backlog: Backlog;
    let turn: number;
    beforeEach(() => {
      turn = 1;
      backlog = createBacklog(clock, () => turn);
    });
    const connect = async (times: number, turnsBetween = 1): Promise<void> => {
      for (let time = 0; time < times; time++) {
        turn += turnsBetween;
        await clock.elapse(10);
        backlog.connected();
      }
    };

    it("is empty before the first, and after it", async () => {
      expect(backlog.standingMs()).to.equal(0);
      await connect(1);
      expect(backlog.standingMs()).to.equal(0);
    });

    it("stands for as long as each turn brings one", async () => {
      await connect(11);
      expect(backlog.standingMs()).to.equal(100);
      await connect(10);
      expect(backlog.standingMs()).to.equal(200);
    });

    it("has been empty where a turn brought none", async () => {
      await connect(11);
      await connect(1, 2);
      expect(backlog.standingMs()).to.equal(0);
      await connect(3);
      expect(backlog.standingMs()).to.equal(30);
      turn += 2;
      expect(backlog.standingMs()).to.equal(0);
    });
  });

  describe("of a real server", () => {
    const cleanUp = useCleanup();

    it("stands while connections wait that came together, and is empty when they are in", async () => {
      const backlog = createBacklog(systemClock, loopTurn);
      const server = createServer();
      let taken = 0;
      let seen = 0;
      server.on("connection", (socket) => {
        cleanUp(() => socket.destroy());
        backlog.connected();
        taken++;
        seen = Math.max(seen, backlog.standingMs());
        // As much as a call costs.
        for (const untilMs = systemClock.monotonic() + 1; systemClock.monotonic() < untilMs;);
      });
      cleanUp(() => server.close());
      server.listen({ port: 0, host: "127.0.0.1" });
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const sockets = Array.from({ length: 100 }, () => connect(port, "127.0.0.1"));
      cleanUp(() => sockets.forEach((socket) => socket.destroy()));
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      while (taken < sockets.length) await turnsOfTheLoop(1);
      expect(seen).to.be.above(50);
      await turnsOfTheLoop(3);
      expect(backlog.standingMs()).to.equal(0);
    });
  });
});
