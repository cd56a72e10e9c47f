import { expect } from "chai";
import { createHeartbeatVerifier } from "../../../lib/auth/verify-heartbeat.ts";
import { parseKey } from "../../../lib/auth/keys.ts";
import { toHeartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { START_MS } from "../../support/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useSimulatedSfus } from "../../support/simulators.ts";
import { sfuKey } from "../../support/tokens.ts";
import { ADDRESS, HANG, OK, REGISTRATION_KEY, RESET, STATS_TOKEN, useAgents, useFakeGateway } from "./harness.ts";

describe("the agent's heartbeats", () => {
  const agents = useAgents();
  const startSfu = useSimulatedSfus();
  const gateway = useFakeGateway();
  const { clock } = agents;

  it("tell what the SFU carries and how busy its host is, as soon as that can be read", async () => {
    const sfu = await startSfu();
    sfu.setLoad(7);
    await agents.start(gateway, sfu.address, { env: { SFU_MAX_SESSIONS: "800" } }).rounds(1);
    const [beat] = gateway.beats;
    expect(beat!.line).to.equal("POST /v1/sfu");
    expect(beat!.headers["content-type"]).to.equal("application/json");
    expect(beat!.body).to.deep.equal({
      status: "up",
      address: ADDRESS,
      region: "eu-west-3",
      key: sfuKey(1),
      channels: 1,
      sessions: 7,
      cpuUsage: 0.25,
      memoryUsage: 0.5,
      maxSessions: 800,
    });
  });

  it("are signed with the registration key, each by itself, for a minute", async () => {
    const sfu = await startSfu();
    const agent = agents.start(gateway, sfu.address);
    await agent.rounds(1);
    await agent.nextRound();
    const [first, second] = gateway.beats.map(({ claims }) => claims);
    const iat = START_MS / 1000;
    expect(first).to.include({ iat, exp: iat + 60 });
    expect(first!.jti).to.be.a("string").and.not.to.equal(second!.jti);
    expect(second!.iat).to.be.within(iat + 9, iat + 11);
  });

  it("are what the gateway takes, token and body, of a sign-off too", async () => {
    const sfu = await startSfu();
    const agent = agents.start(gateway, sfu.address);
    await agent.rounds(1);
    agent.end();
    await eventually("it has signed off", () => agent.hasEnded);
    const verify = createHeartbeatVerifier(parseKey(REGISTRATION_KEY), clock);
    for (const { headers } of gateway.beats) verify(headers.authorization);
    expect(gateway.beats.map(({ body }) => toHeartbeat(body).status)).to.deep.equal(["up", "down"]);
  });

  it("go below the path of SFU_GATEWAY_URL, and leave maxSessions out where nobody has set it", async () => {
    const sfu = await startSfu();
    const env = { SFU_GATEWAY_URL: `${gateway.url}/behind/a/proxy/` };
    await agents.start(gateway, sfu.address, { env }).rounds(1);
    expect(gateway.beats[0]!.line).to.equal("POST /behind/a/proxy/v1/sfu");
    expect(gateway.beats[0]!.body).not.to.have.property("maxSessions");
  });

  it("show the SFU its diagnostics token", async () => {
    const sfu = await startSfu({ family: "o-sfu", diagnosticsToken: STATS_TOKEN });
    await agents.start(gateway, sfu.address).rounds(1);
    expect(gateway.beats).to.have.length(1);
  });

  it("come every interval, a tenth earlier or later, and each with what is so then", async () => {
    const sfu = await startSfu();
    const agent = agents.start(gateway, sfu.address, { env: { SFU_GATEWAY_PING_INTERVAL: "4000" } });
    await agent.rounds(1);
    for (let round = 1; round <= 30; round++) {
      sfu.setLoad(round);
      await clock.elapse(agent.waits.at(-1)! - 1);
      expect(agent.waits, "not before its time").to.have.length(round);
      await clock.elapse(1);
      await agent.rounds(round + 1);
    }
    expect(gateway.beats.map(({ body }) => body.sessions)).to.deep.equal(Array.from({ length: 31 }, (_, n) => n));
    expect(Math.min(...agent.waits)).to.be.within(3600, 3700);
    expect(Math.max(...agent.waits)).to.be.within(4300, 4400);
  });

  it("leave no connection open in between", async () => {
    const sfu = await startSfu();
    await agents.start(gateway, sfu.address).rounds(1);
    await eventually("the connection is closed", () => gateway.connections === 0);
  });

  it("are said once, the first, and below debug no more", async () => {
    const sfu = await startSfu();
    const agent = agents.start(gateway, sfu.address);
    await agent.rounds(1);
    for (let round = 1; round <= 5; round++) await agent.nextRound();
    expect(gateway.beats).to.have.length(6);
    expect(agent.said).to.deep.equal(["info: the gateway has taken the first heartbeat"]);
  });

  describe("while the gateway is away", () => {
    it("are tried again after a time that doubles, from a second to the interval", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const agent = agents.start(gateway, sfu.address, { random: () => 0.5 });
      await agent.rounds(1);
      for (let round = 2; round <= 8; round++) await agent.nextRound();
      expect(agent.waits).to.deep.equal([500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
    });

    it("are tried again as rarely as they would come, where that is more than half a minute", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const env = { SFU_GATEWAY_PING_INTERVAL: "60000" };
      const agent = agents.start(gateway, sfu.address, { random: () => 0.5, env });
      await agent.rounds(1);
      for (let round = 2; round <= 8; round++) await agent.nextRound();
      expect(agent.waits.slice(-3)).to.deep.equal([16_000, 30_000, 30_000]);
    });

    it("are spread over the whole of that time", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (let round = 2; round <= 40; round++) await agent.nextRound();
      expect(Math.min(...agent.waits.slice(6))).to.be.below(2000);
      expect(Math.max(...agent.waits.slice(6))).to.be.within(8000, 10_000);
    });

    it("return to the interval with the very next success, which is said", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address, { random: () => 0.5 });
      await agent.rounds(1);
      gateway.reply = { status: 502, body: "<html>bad gateway</html>" };
      await agent.nextRound();
      await agent.nextRound();
      gateway.reply = OK;
      await agent.nextRound();
      expect(agent.waits).to.deep.equal([10_000, 500, 1000, 10_000]);
      expect(agent.said).to.deep.equal([
        "info: the gateway has taken the first heartbeat",
        "warn: the gateway has not taken the heartbeat: it answered 502; the gateway, or a proxy before it, is in trouble",
        "info: the gateway takes heartbeats again, after 2 s",
      ]);
      gateway.reply = RESET;
      await agent.nextRound();
      expect(agent.waits.at(-1), "and the next failure begins anew").to.equal(500);
      gateway.reply = { status: 502 };
      await agent.nextRound();
      expect(agent.said.slice(3).map((text) => text.split(" ")[0])).to.deep.equal(["warn:", "warn:"]);
    });

    it("are complained of once, and then once a minute", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const agent = agents.start(gateway, sfu.address, { random: () => 0.5 });
      await agent.rounds(1);
      // 500 + 1000 + 2000 + 4000, and then every 5 s: five minutes.
      for (let round = 2; round <= 65; round++) await agent.nextRound();
      const text =
        "warn: the gateway has not taken the heartbeat: it closed the connection before it had answered (ECONNRESET); " +
        "see whether the gateway runs and SFU_GATEWAY_URL is right";
      expect(agent.said).to.deep.equal(Array.from({ length: 1 + 5 }, () => text));
    });

    it("are given up after five seconds where it hangs", async () => {
      const sfu = await startSfu();
      gateway.reply = HANG;
      const agent = agents.start(gateway, sfu.address);
      await eventually("the heartbeat is there", () => gateway.beats.length === 1);
      await clock.elapse(4990);
      expect(agent.waits).to.deep.equal([]);
      await clock.elapse(20);
      await agent.rounds(1);
      expect(agent.said[0]).to.match(
        /^warn: the gateway has not taken the heartbeat: it did not answer within 5000 ms;/,
      );
      await eventually("the connection is closed", () => gateway.connections === 0);
    });

    it("say at once that it is there again, and refuses them", async () => {
      const sfu = await startSfu();
      gateway.reply = RESET;
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      gateway.reply = { status: 401, body: { error: "invalid_token", message: "the token was refused" } };
      await agent.nextRound();
      await agent.nextRound();
      expect(agent.said.map((text) => text.split(":")[0])).to.deep.equal(["warn", "error"]);
    });
  });

  describe("that the gateway refuses", () => {
    it("are an error with the gateway's own words, and are tried again like those that got lost", async () => {
      const sfu = await startSfu();
      gateway.reply = {
        status: 401,
        body: { error: "invalid_token", message: "the token was refused: it has expired" },
      };
      const agent = agents.start(gateway, sfu.address, { random: () => 0.5 });
      await agent.rounds(1);
      await agent.nextRound();
      expect(agent.waits).to.deep.equal([500, 1000]);
      expect(agent.said).to.deep.equal([
        "error: the gateway has not taken the heartbeat: it answered 401 invalid_token: the token was refused: it has " +
          "expired; compare SFU_GATEWAY_REGISTRATION_KEY here and on the gateway, and the clocks of both hosts",
      ]);
      expect(agent.logs.find(({ level }) => level === "error")).to.include({
        httpStatus: 401,
        error: "invalid_token",
        message: "the token was refused: it has expired",
      });
      gateway.reply = OK;
      await agent.nextRound();
      expect(agent.waits.at(-1)).to.equal(10_000);
    });

    const advice: readonly (readonly [status: number, code: string | null, advice: RegExp])[] = [
      [400, "invalid_heartbeat", /compare the versions/],
      [401, null, /compare SFU_GATEWAY_REGISTRATION_KEY here and on the gateway/],
      [401, "replayed", /the clock of this host may have gone back/],
      [403, "address_not_allowed", /\[registration\] allow of the gateway has to let SFU_ADDRESS in/],
      [403, "fleet_full", /see who has registered/],
      [404, "not_found", /or the gateway has no registration key/],
      [413, "constructor", /the log of the gateway tells more/],
      [307, null, /set SFU_GATEWAY_URL to where that leads/],
    ];
    for (const [status, code, expected] of advice) {
      it(`come with advice: ${status}, ${code ?? "without a code"}`, async () => {
        const sfu = await startSfu();
        const headers = { location: `${gateway.url}/elsewhere` };
        gateway.reply = { status, headers, ...(code === null ? {} : { body: { error: code, message: "no" } }) };
        const agent = agents.start(gateway, sfu.address);
        await agent.rounds(1);
        expect(agent.said[0])
          .to.match(/^error: /)
          .and.to.match(expected);
        expect(gateway.beats, "no redirect is followed").to.have.length(1);
      });
    }

    for (const body of ["<html>It works!</html>", "", "null", "[]", '{"result":"no"}', '{"status":"ok"}']) {
      it(`are not taken for accepted by whatever answers 200: ${body || "nothing"}`, async () => {
        const sfu = await startSfu();
        gateway.reply = { status: 200, body };
        const agent = agents.start(gateway, sfu.address);
        await agent.rounds(1);
        expect(agent.said).to.deep.equal([
          "error: the gateway has not taken the heartbeat: it answered 200; " +
            "SFU_GATEWAY_URL leads to something else than a gateway",
        ]);
      });
    }
  });

  describe("whose answer", () => {
    for (const ttlMs of [5000, 10_000, 10_900]) {
      it(`has a TTL of ${ttlMs} ms, which every 10 s is too short for, are warned of once`, async () => {
        const sfu = await startSfu();
        gateway.reply = { status: 200, body: { result: "ok", ttlMs, draining: false } };
        const agent = agents.start(gateway, sfu.address);
        await agent.rounds(1);
        await agent.nextRound();
        const warnings = agent.logs.filter(({ level }) => level === "warn");
        expect(warnings).to.have.length(1);
        expect(warnings[0]!.msg).to.match(
          /^the gateway forgets the SFU after \d+ ms, a heartbeat comes every 10000, so/,
        );
      });
    }

    it("has a TTL that is long enough, or none that makes sense, are not warned of", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (const ttlMs of [11_001, undefined, "soon", -1, null]) {
        gateway.reply = { status: 200, body: { result: "ok", ttlMs, draining: "no" } };
        await agent.nextRound();
      }
      expect(agent.said).to.deep.equal(["info: the gateway has taken the first heartbeat"]);
    });

    it("says that the SFU is drained, or no longer, are told of", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address);
      await agent.rounds(1);
      for (const draining of [true, true, false, false]) {
        gateway.reply = { status: 200, body: { result: "ok", ttlMs: 30_000, draining } };
        await agent.nextRound();
      }
      expect(agent.said.slice(1)).to.deep.equal([
        "info: the gateway is draining this SFU: it gets no new conference",
        "info: the gateway no longer drains this SFU",
      ]);
    });
  });

  describe("when a figure of the host is missing", () => {
    it("tell the last one that was there, and say so", async () => {
      const sfu = await startSfu();
      const figures = [
        { cpu: 0.1, memory: 0.2 },
        { cpu: null, memory: 0.3 },
        { cpu: 0.4, memory: null },
      ];
      const measure = (): (typeof figures)[number] => figures.shift() ?? { cpu: 0.5, memory: 0.6 };
      const agent = agents.start(gateway, sfu.address, { measure, random: () => 0.5 });
      await agent.rounds(1);
      for (let round = 2; round <= 4; round++) await agent.nextRound();
      expect(gateway.beats.map(({ body }) => [body.cpuUsage, body.memoryUsage])).to.deep.equal([
        [0.1, 0.2],
        [0.1, 0.3],
        [0.4, 0.3],
        [0.5, 0.6],
      ]);
      expect(agent.said.slice(1)).to.deep.equal([
        "error: the host's use of CPU cannot be read: what it was last is sent in its place",
        "info: the host's figures can be read again, after 20 s",
      ]);
    });

    it("are not sent where it never was there", async () => {
      const sfu = await startSfu();
      const agent = agents.start(gateway, sfu.address, { measure: () => ({ cpu: null, memory: 0.3 }) });
      await agent.rounds(1);
      await agent.nextRound();
      expect(gateway.beats).to.deep.equal([]);
      expect(agent.said).to.deep.equal([
        "error: the host's use of CPU cannot be read: without it there is no heartbeat",
      ]);
    });
  });
});
