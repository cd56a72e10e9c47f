import { expect } from "chai";
import type { Fault } from "../../../lib/simulator/sfu.ts";
import { eventually } from "../../support/eventually.ts";
import { useSimulatedSfus } from "../../support/simulators.ts";
import { answer, useRawServers } from "../../support/sockets.ts";
import { type Beat, HANG, OK, RESET, useAgents, useFakeGateway } from "./harness.ts";

describe("the agent's sign-off", () => {
  const agents = useAgents();
  const startSfu = useSimulatedSfus();
  const listen = useRawServers();
  const gateway = useFakeGateway();
  const { clock } = agents;
  const statuses = (): unknown[] => gateway.beats.map(({ body }: Beat) => body.status);

  describe("when the SFU does not answer", () => {
    it("comes with the second failure in a row, once, and the SFU is back with its first answer", async () => {
      const sfu = await startSfu();
      sfu.setLoad(3);
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      await sfu.break({ kind: "refuse" });
      await agent.nextRound();
      expect(statuses(), "one failure").to.deep.equal(["up"]);
      await agent.nextRound();
      expect(statuses(), "two failures").to.deep.equal(["up", "down"]);
      await agent.nextRound();
      await agent.nextRound();
      expect(statuses(), "four failures").to.deep.equal(["up", "down"]);
      await sfu.heal();
      await agent.nextRound();
      expect(statuses()).to.deep.equal(["up", "down", "up"]);
      expect(agent.said).to.deep.equal([
        "info: the gateway has taken the first heartbeat",
        "warn: the SFU's statistics cannot be read: it refused the connection (ECONNREFUSED)",
        "error: the SFU's statistics cannot be read: it refused the connection (ECONNREFUSED); it is signed off until they can be",
        "info: the SFU is signed off",
        agent.said[4],
        "info: the SFU is signed on again",
      ]);
      expect(agent.said[4]).to.match(/^info: the SFU answers again, after \d+ s$/);
    });

    it("does not come where only every other reading fails", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (let time = 1; time <= 3; time++) {
        await sfu.break({ kind: "refuse" });
        await agent.nextRound();
        await sfu.heal();
        await agent.nextRound();
      }
      expect(statuses()).to.deep.equal(["up", "up", "up", "up"]);
    });

    const faults: readonly (readonly [fault: Fault, why: string])[] = [
      [{ kind: "reset" }, "it closed the connection before it had answered (ECONNRESET)"],
      [{ kind: "garbage" }, "it answered its statistics with a body that is not JSON"],
      [
        { kind: "garbage", body: '{"channels":1}' },
        "it answered its statistics with JSON that is not a list of channels",
      ],
      [{ kind: "redirect" }, "it answered with status 302"],
      [{ kind: "huge", bytes: 9 * 1024 * 1024 }, "it answered with more than 3072 KB"],
    ];
    for (const [fault, why] of faults) {
      it(`comes as well where ${why}`, async () => {
        const sfu = await startSfu();
        const agent = agents.start(gateway, sfu.address);
        await agent.rounds(1);
        await sfu.break(fault);
        await agent.nextRound();
        await agent.nextRound();
        expect(statuses()).to.deep.equal(["up", "down"]);
        expect(agent.said[1]).to.include(why);
      });
    }

    it("comes where it hangs: a reading is given up after two seconds", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      await sfu.break({ kind: "hang" });
      for (let time = 1; time <= 2; time++) {
        sfu.clearRequests();
        await clock.elapse(agent.waits.at(-1)!);
        await eventually("it is asked", () => sfu.requests.length === 1);
        await clock.elapse(2000);
        await agent.rounds(1 + time);
      }
      expect(statuses()).to.deep.equal(["up", "down"]);
      expect(agent.said[1]).to.include("it did not answer within 2 s");
      expect(agent.waits[1], "the time that it took is no longer interval").to.be.within(7000, 9000);
    });

    it("comes for one that was never there, as its last agent may have ended without a sign-off", async () => {
      const agent = agents.start(gateway, "http://127.0.0.1:1");
      await agent.rounds(1);
      await agent.nextRound();
      await agent.nextRound();
      expect(statuses()).to.deep.equal(["down"]);
      expect(gateway.beats[0]!.body).to.include({ sessions: 0, channels: 0, cpuUsage: 0, memoryUsage: 0 });
    });

    it("is tried again where the gateway is away as well", async () => {
      const agent = agents.start(gateway, "http://127.0.0.1:1", { random: () => 0.5 });
      gateway.reply = RESET;
      await agent.rounds(1);
      for (let round = 2; round <= 4; round++) await agent.nextRound();
      gateway.reply = OK;
      await agent.nextRound();
      await agent.nextRound();
      expect(statuses()).to.deep.equal(["down", "down", "down", "down"]);
      expect(agent.waits).to.deep.equal([10_000, 500, 1000, 2000, 10_000, 10_000]);
      expect(agent.said.at(-1)).to.equal("info: the SFU is signed off");
    });
  });

  describe("of an SFU that wants another token", () => {
    const family = { family: "o-sfu", diagnosticsToken: "another one" } as const;

    it("does not come, for the SFU serves; but there is no heartbeat without figures, and it is said why", async () => {
      const sfu = await startSfu(family);
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (let round = 2; round <= 4; round++) await agent.nextRound();
      expect(gateway.beats).to.deep.equal([]);
      expect(agent.said).to.deep.equal([
        "error: the SFU answered 401 when asked for its statistics: compare SFU_STATS_TOKEN with its diagnostics token; " +
          "without statistics there is no heartbeat",
      ]);
      for (let round = 5; round <= 8; round++) await agent.nextRound();
      expect(agent.said, "after a minute").to.have.length(2);
    });

    it("leaves the failures before and after it single", async () => {
      const sfu = await startSfu(family);
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (let time = 1; time <= 2; time++) {
        await sfu.break({ kind: "refuse" });
        await agent.nextRound();
        await sfu.heal();
        await agent.nextRound();
      }
      expect(gateway.beats).to.deep.equal([]);
    });
  });

  describe("at SIGTERM", () => {
    it("tells the gateway, ends and leaves nothing behind", async () => {
      const sfu = await startSfu();
      sfu.setLoad(4);
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      expect(statuses()).to.deep.equal(["up", "down"]);
      expect(gateway.beats[1]!.claims).to.have.property("jti");
      expect(gateway.beats[1]!.body).to.include({ sessions: 4, cpuUsage: 0.25 });
      expect(agent.said.slice(1)).to.deep.equal([
        "info: shutting down",
        "info: the SFU is signed off",
        "info: shut down",
      ]);
      expect(clock.timers()).to.equal(0);
      await eventually("all connections are closed", () => gateway.connections === 0);
    });

    it("leaves no connection to the SFU behind", async () => {
      const sfu = await listen((socket) => socket.write(answer("[]")));
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      expect(sfu.open).to.equal(1);
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      await eventually("the connection is closed", () => sfu.open === 0);
    });

    it("does not come where nothing was ever sent", async () => {
      const sfu = await startSfu();
      await sfu.break({ kind: "hang" });
      const agent = agents.start(gateway, sfu.address);
      await eventually("the SFU is asked", () => sfu.requests.length === 1);
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      expect(gateway.beats).to.deep.equal([]);
      expect(agent.said).to.deep.equal(["info: shutting down", "info: shut down"]);
      expect(clock.timers()).to.equal(0);
    });

    it("does not come for one that is signed off, or that the gateway never took", async () => {
      const agent = agents.start(gateway, "http://127.0.0.1:1");
      await agent.rounds(1);
      await agent.nextRound();
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      expect(statuses()).to.deep.equal(["down"]);

      const sfu = await startSfu();
      gateway.reply = { status: 404 };
      const refused = agents.start(gateway, sfu.address);
      await refused.rounds(1);
      refused.end();
      await eventually("it has ended", () => refused.hasEnded);
      expect(statuses()).to.deep.equal(["down", "up"]);
    });

    it("comes where a heartbeat got lost, for it may have arrived", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      gateway.reply = OK;
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      expect(statuses()).to.deep.equal(["up", "down"]);
    });

    it("waits for the heartbeat that is on its way, so that it does not arrive after it", async () => {
      const sfu = await startSfu();
      let answer = (): void => undefined;
      gateway.reply = (_, response) => {
        answer = () => response.end('{"result":"ok"}');
      };
      const agent = agents.start(gateway, sfu.address);
      await eventually("the heartbeat is on its way", () => gateway.beats.length === 1);
      agent.end();
      await clock.elapse(400);
      expect(statuses()).to.deep.equal(["up"]);
      gateway.reply = OK;
      answer();
      await eventually("it has ended", () => agent.hasEnded);
      expect(statuses()).to.deep.equal(["up", "down"]);
    });

    it("takes two seconds at most where the gateway hangs, which is said", async () => {
      const sfu = await startSfu();
      gateway.reply = HANG;
      const agent = agents.start(gateway, sfu.address);
      await eventually("the heartbeat is on its way", () => gateway.beats.length === 1);
      agent.end();
      await clock.elapse(500);
      await eventually("the sign-off is on its way", () => gateway.beats.length === 2);
      await clock.elapse(1499);
      expect(agent.hasEnded).to.be.false;
      await clock.elapse(1);
      await eventually("it has ended", () => agent.hasEnded);
      expect(agent.said.map((text) => text.split(";")[0])).to.deep.equal([
        "info: shutting down",
        "warn: the gateway has not taken the sign-off: it did not answer within 1500 ms",
        "warn: shut down without a sign-off: the gateway keeps the SFU until its TTL is over",
      ]);
      expect(clock.timers()).to.equal(0);
      await eventually("all connections are closed", () => gateway.connections === 0);
    });
  });
});
