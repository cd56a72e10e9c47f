import { expect } from "chai";
import { eventually } from "../../support/eventually.ts";
import { useSimulatedSfus } from "../../support/simulators.ts";
import { REGISTRATION_KEY, type Reply, STATS_TOKEN, useAgents, useFakeGateway } from "./harness.ts";

/** Recognisable however it is cut. */
const AUTH_KEY = "Zk7qXw9Zk7+Xw9Zk7/Xw9Zk7qXw9Zk7qXw9Zk7qXw9A=";
const trace = /Zk7|qXw|7qX/;

describe("no log line of the agent shows a key, a token or a secret", () => {
  const agents = useAgents();
  const startSfu = useSimulatedSfus();
  const gateway = useFakeGateway();

  const echo = (inMessage: (body: string, authorization: string) => string): Reply => {
    return (request, response) => {
      const body = JSON.stringify(gateway.beats.at(-1)!.body);
      response.statusCode = 400;
      response.end(JSON.stringify({ error: AUTH_KEY, message: inMessage(body, request.headers.authorization ?? "") }));
    };
  };
  const replies: Readonly<Record<string, Reply>> = {
    "takes it": { status: 200, body: { result: "ok", ttlMs: 5, draining: true } },
    "echoes the key": echo(() => `no such key: ${AUTH_KEY}`),
    "echoes the token": echo((_, authorization) => `no such token: ${authorization}`),
    "echoes the whole heartbeat": echo((body, authorization) => `${body} ${authorization}`),
    "echoes it as another JSON would write it": echo((body) => JSON.stringify(body).replaceAll("/", "\\/")),
    "echoes it as HTML": echo((body) => body.replaceAll("/", "&#x2F;").replaceAll("+", "&#43;")),
    "echoes it as a URL": echo((body) => encodeURIComponent(body)),
    "echoes the key behind a long text": echo(() => `${" ".repeat(180)}${AUTH_KEY}`),
    "echoes it as a text": (request, response) => response.end(JSON.stringify(gateway.beats.at(-1)!.body)),
    "is not there": (request) => void request.socket.destroy(),
  };
  for (const [title, reply] of Object.entries(replies)) {
    it(`where the gateway ${title}`, async () => {
      const sfu = await startSfu({ family: "o-sfu", diagnosticsToken: STATS_TOKEN });
      gateway.reply = reply;
      const agent = agents.start(gateway, sfu.address, { env: { AUTH_KEY, LOG_LEVEL: "trace" } });
      await agent.rounds(1);
      await agent.nextRound();
      expect(gateway.beats[0]!.body.key, "it was sent").to.equal(AUTH_KEY);
      await sfu.break({ kind: "reset" });
      await agent.nextRound();
      await agent.nextRound();
      agent.end();
      await eventually("it has ended", () => agent.hasEnded);
      const all = JSON.stringify(agent.logs);
      expect(all).not.to.match(trace);
      expect(all).not.to.include(STATS_TOKEN);
      expect(all).not.to.include(REGISTRATION_KEY);
      expect(all).not.to.match(/eyJ[A-Za-z0-9_-]{9}/);
    });
  }

  it("however short that is, as a code too", async () => {
    const sfu = await startSfu();
    const short = "abcdefgh";
    gateway.reply = { status: 400, body: { error: short, message: `no such key: ${short}` } };
    const agent = agents.start(gateway, sfu.address, { env: { AUTH_KEY: short } });
    await agent.rounds(1);
    const line = agent.logs.find(({ level }) => level === "error")!;
    expect(line).to.include({ error: null, message: "no such key: (not shown)" });
    expect(JSON.stringify(agent.logs)).not.to.include(short);
  });

  it("however long the gateway's own words are", async () => {
    const sfu = await startSfu();
    gateway.reply = { status: 400, body: { error: "invalid_heartbeat", message: "a word ".repeat(5000) } };
    const agent = agents.start(gateway, sfu.address);
    await agent.rounds(1);
    const line = agent.logs.find(({ level }) => level === "error")!;
    expect(line.message).to.have.length(200);
    expect(line.msg).to.have.length.below(500);
  });

  it("and those of the gateway are shown where there is none in them", async () => {
    const sfu = await startSfu();
    const message = "the heartbeat was refused: address: expected an origin, like https://sfu1.example.com";
    gateway.reply = { status: 400, body: { error: "invalid_heartbeat", message } };
    const agent = agents.start(gateway, sfu.address);
    await agent.rounds(1);
    expect(agent.logs.find(({ level }) => level === "error")).to.include({ message });
  });
});
