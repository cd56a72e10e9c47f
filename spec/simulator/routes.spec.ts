import { expect } from "chai";
import { Agent, request as httpRequest } from "node:http";
import type { ChannelStats } from "../../lib/simulator/sfu.ts";
import { ask, channelOf, disconnect, failureOf, join, nowS, sign, until, useSimulators } from "./harness.ts";

describe("the simulated odoo/sfu's routes", () => {
  const start = useSimulators();

  it("GET /v1/noop answers ok", async () => {
    expect(await ask(await start())).to.deep.include({ status: 200, body: '{"result":"ok"}' });
  });

  for (const method of ["HEAD", "PUT", "DELETE", "PATCH"]) {
    for (const path of ["/v1/channel", "/v1/noop", "/nowhere"]) {
      it(`answers 405 to ${method} ${path}`, async () => {
        expect(await ask(await start(), { method, path })).to.deep.include({ status: 405, body: "" });
      });
    }
  }

  const unknown: readonly (readonly [string, string])[] = [
    ["GET", "/"],
    ["GET", "/v1"],
    ["GET", "/v1/channel/"],
    ["GET", "/v1/noop/"],
    ["GET", "/v1/Channel"],
    ["GET", "/v2/channel"],
    ["GET", "/metrics"],
    ["GET", "/v1/disconnect"],
    ["POST", "/v1/channel"],
    ["POST", "/v1/noop"],
    ["OPTIONS", "/v1/channel"],
  ];
  for (const [method, path] of unknown) {
    it(`answers 404 to ${method} ${path}`, async () => {
      expect(await ask(await start(), { method, path })).to.deep.include({ status: 404, body: "" });
    });
  }

  it("never answers GET //", async () => {
    const sfu = await start();
    const hangUp = new AbortController();
    const failure = failureOf(ask(sfu, { path: "//", signal: hangUp.signal }));
    await until(() => sfu.requests.length === 1);
    expect(await ask(sfu)).to.have.property("status", 200);
    hangUp.abort();
    expect(await failure).to.equal("ABORT_ERR");
    await until(() => sfu.requests[0]!.aborted);
    expect(sfu.requests[0]).to.include({ path: "//", status: null });
  });

  it("refuses headers over 16 KB with 431", async () => {
    const sfu = await start();
    expect(await ask(sfu, { headers: { "X-Large": "x".repeat(15_000) } })).to.have.property("status", 200);
    expect(await ask(sfu, { headers: { "X-Large": "x".repeat(17_000) } })).to.deep.include({ status: 431, body: "" });
  });

  it("offers to keep idle connections for 5 s", async () => {
    const reply = await ask(await start(), { headers: { Connection: "keep-alive" } });
    expect(reply.headers["keep-alive"]).to.equal("timeout=5");
  });

  it("serves several requests over one connection", async () => {
    const sfu = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve, reject) => {
        const request = httpRequest(`${sfu.address}/v1/noop`, { agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().on("end", resolve);
        });
        request.on("error", reject).end();
      });
    }
    agent.destroy();
    expect(ports.size).to.equal(1);
  });

  describe("GET /v1/stats", () => {
    it("is an empty array at first", async () => {
      expect(await ask(await start(), { path: "/v1/stats" })).to.deep.include({ status: 200, body: "[]" });
    });

    it("has one object a channel, of exactly this shape", async () => {
      const sfu = await start();
      const { uuid } = channelOf(await join(sfu, {}, { headers: { "X-Forwarded-For": "203.0.113.7" } }));
      sfu.setSessions(uuid, { count: 3, cameraCount: 2, screenCount: 1 });
      const { body } = await ask(sfu, { path: "/v1/stats" });
      const [stats] = JSON.parse(body) as ChannelStats[];
      expect(Object.keys(stats!)).to.deep.equal([
        "createDate",
        "uuid",
        "remoteAddress",
        "sessionsStats",
        "webRtcEnabled",
      ]);
      expect(stats).to.deep.include({ uuid, remoteAddress: "203.0.113.7", webRtcEnabled: true });
      expect(stats!.createDate).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const { incomingBitRate, ...counts } = stats!.sessionsStats;
      expect(counts).to.deep.equal({ count: 3, cameraCount: 2, screenCount: 1 });
      expect(Object.keys(incomingBitRate)).to.deep.equal(["audio", "camera", "screen", "total"]);
      const { audio, camera, screen, total } = incomingBitRate;
      expect(total)
        .to.equal(audio + camera + screen)
        .and.to.be.above(0);
      expect(body.length).to.be.within(230, 290);
    });

    it("says when a channel has no WebRTC", async () => {
      const sfu = await start();
      await join(sfu, {}, { path: "/v1/channel?webRTC=false" });
      const [stats] = JSON.parse((await ask(sfu, { path: "/v1/stats" })).body) as ChannelStats[];
      expect(stats!.webRtcEnabled).to.be.false;
    });

    it("shows a load on top of the channels, which is no channel", async () => {
      const sfu = await start();
      sfu.setSessions(channelOf(await join(sfu)).uuid, { count: 2 });
      const sum = async (): Promise<number> => {
        const stats = JSON.parse((await ask(sfu, { path: "/v1/stats" })).body) as ChannelStats[];
        return stats.reduce((total, { sessionsStats }) => total + sessionsStats.count, 0);
      };
      sfu.setLoad(500);
      expect(await sum()).to.equal(502);
      expect(sfu.channels).to.have.length(1);
      sfu.setLoad(0);
      expect(await sum()).to.equal(2);
    });

    it("refuses sessions for a channel that it does not have", async () => {
      const sfu = await start();
      expect(() => sfu.setSessions("nowhere", { count: 1 })).to.throw(RangeError);
    });
  });

  describe("POST /v1/disconnect", () => {
    it("answers 200 with an empty body and removes the sessions", async () => {
      const sfu = await start();
      const { uuid } = channelOf(await join(sfu));
      sfu.setSessions(uuid, { count: 3, cameraCount: 1 });
      const reply = await disconnect(sfu, { sessionIdsByChannel: { [uuid]: [1, 3, 99] }, exp: nowS() + 20 });
      expect(reply).to.deep.include({ status: 200, body: "" });
      expect(sfu.channels[0]!.sessions).to.deep.equal([{ id: 2, camera: false, screen: false }]);
    });

    it("skips unknown channels silently", async () => {
      expect(await disconnect(await start(), { sessionIdsByChannel: { nowhere: [1] } })).to.have.property(
        "status",
        200,
      );
    });

    it("skips the channels of other owners silently", async () => {
      const sfu = await start();
      const { uuid } = channelOf(await join(sfu, {}, { headers: { "X-Forwarded-For": "203.0.113.7" } }));
      sfu.setSessions(uuid, { count: 1 });
      const claims = { sessionIdsByChannel: { [uuid]: [1] } };
      expect(await disconnect(sfu, claims, { "X-Forwarded-For": "203.0.113.8" })).to.have.property("status", 200);
      expect(sfu.channels[0]!.sessions).to.have.length(1);
      expect(await disconnect(sfu, claims, { "X-Forwarded-For": "203.0.113.7" })).to.have.property("status", 200);
      expect(sfu.channels[0]!.sessions).to.be.empty;
    });

    const bad: Record<string, string> = {
      "another key": sign({ sessionIdsByChannel: {} }, { key: "b3RoZXI=" }),
      "an expired token": sign({ sessionIdsByChannel: {}, exp: nowS() - 5 }),
      "no sessionIdsByChannel": sign({}),
      "ids that are no list": sign({ sessionIdsByChannel: { a: 1 } }),
      garbage: "garbage",
      "an empty body": "",
    };
    for (const [what, body] of Object.entries(bad)) {
      it(`answers 422 with an empty body for ${what}`, async () => {
        const reply = await ask(await start(), { method: "POST", path: "/v1/disconnect", body });
        expect(reply).to.deep.include({ status: 422, body: "" });
      });
    }
  });
});
