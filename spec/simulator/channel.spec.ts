import { expect } from "chai";
import { ask, channelOf, join, joinWith, nowS, seeded, sfuKey, sign, useSimulators } from "./harness.ts";

describe("the simulated odoo/sfu's /v1/channel", () => {
  const start = useSimulators();

  it("is told of as soon as it is made, and once", async () => {
    const made: string[] = [];
    const sfu = await start({ onChannel: ({ uuid, iss }) => void made.push(`${iss} ${uuid}`) });
    const { uuid } = channelOf(await join(sfu, { iss: "a" }));
    await join(sfu, { iss: "a" });
    expect(made).to.deep.equal([`a ${uuid}`]);
  });

  describe("tokens", () => {
    it("answers a valid one with 200, a uuid and a url", async () => {
      const sfu = await start();
      const reply = await join(sfu, { exp: nowS() + 30 });
      expect(reply.status).to.equal(200);
      expect(reply.headers["content-type"]).to.equal("application/json");
      expect(Object.keys(channelOf(reply))).to.deep.equal(["uuid", "url"]);
      expect(sfu.channels.map(({ uuid }) => uuid)).to.deep.equal([channelOf(reply).uuid]);
    });

    for (const scheme of ["Bearer", "jwt", "anything"]) {
      it(`ignores the scheme word: ${scheme}`, async () => {
        const sfu = await start();
        const headers = { Authorization: `${scheme} ${sign({ iss: "a" })}` };
        expect(await ask(sfu, { path: "/v1/channel", headers })).to.have.property("status", 200);
      });
    }

    for (const headers of [{}, { Authorization: "Bearer" }, { Authorization: "Bearer  two-spaces" }]) {
      it(`answers 401 with an empty body without one: ${JSON.stringify(headers)}`, async () => {
        const sfu = await start();
        expect(await ask(sfu, { path: "/v1/channel", headers })).to.deep.include({ status: 401, body: "" });
      });
    }

    for (const claims of [{ iss: undefined }, { iss: "" }]) {
      it(`answers 403 for iss ${JSON.stringify(claims.iss)}, and makes nothing`, async () => {
        const sfu = await start();
        expect(await join(sfu, claims)).to.deep.include({ status: 403, body: "" });
        expect(sfu.channels).to.be.empty;
      });
    }

    const bad: Record<string, string> = {
      "another key": sign({ iss: "a" }, { key: "b3RoZXI=" }),
      "another key, no iss: the key check without a side effect": sign({}, { key: "b3RoZXI=" }),
      "an exp in the past": sign({ iss: "a", exp: nowS() - 5 }),
      "an iat over 60 s ahead": sign({ iss: "a", iat: nowS() + 86_400 }),
      "an nbf ahead": sign({ iss: "a", nbf: nowS() + 86_400 }),
      "alg none": sign({ iss: "a" }, { alg: "none" }),
      "alg HS512": sign({ iss: "a" }, { alg: "HS512" }),
      "a key claim that is a number": sign({ iss: "a", key: 7 }),
      "a key claim that is an object": sign({ iss: "a", key: {} }),
      "two segments": "a.b",
      garbage: "garbage",
      "no JSON inside": "e30.!!!.e30",
    };
    for (const [what, token] of Object.entries(bad)) {
      it(`answers 500 with an empty body for ${what}`, async () => {
        const sfu = await start();
        expect(await joinWith(sfu, token)).to.deep.include({ status: 500, body: "" });
        expect(sfu.channels).to.be.empty;
      });
    }

    it("lets an iat pass that is up to 60 s ahead", async () => {
      expect(await join(await start(), { iat: nowS() + 55 })).to.have.property("status", 200);
    });

    it("takes the standard alphabet with padding", async () => {
      const sfu = await start();
      const token = sign({ iss: "ü??>>~~:channel:1" }, { encoding: "base64" });
      expect(token).to.match(/=/).and.match(/[+/]/);
      expect(await joinWith(sfu, token)).to.have.property("status", 200);
      expect(sfu.channels[0]!.iss).to.equal("ü??>>~~:channel:1");
    });

    it("reads its own key in either alphabet", async () => {
      const sfu = await start({ key: Buffer.from(sfuKey, "base64").toString("base64url") });
      expect(await join(sfu)).to.have.property("status", 200);
    });
  });

  describe("identity", () => {
    it("reuses a channel for the same identity and iss", async () => {
      const sfu = await start();
      const [first, second] = [channelOf(await join(sfu)), channelOf(await join(sfu))];
      expect(second.uuid).to.equal(first.uuid);
    });

    it("makes another for another iss", async () => {
      const sfu = await start();
      await join(sfu, { iss: "a" });
      await join(sfu, { iss: "b" });
      expect(sfu.channels.map(({ iss }) => iss)).to.deep.equal(["a", "b"]);
    });

    it("is the first element of X-Forwarded-For with PROXY", async () => {
      const sfu = await start();
      for (const address of ["203.0.113.7, 10.0.0.1", "203.0.113.7", "203.0.113.8"]) {
        await join(sfu, {}, { headers: { "X-Forwarded-For": address } });
      }
      expect(sfu.channels.map(({ identity }) => identity)).to.deep.equal(["203.0.113.7", "203.0.113.8"]);
    });

    it("is the socket's address with PROXY but without the header", async () => {
      const sfu = await start();
      await join(sfu);
      expect(sfu.channels[0]!.identity).to.equal("127.0.0.1");
    });

    it("is the socket's address without PROXY", async () => {
      const sfu = await start({ proxy: false });
      for (const address of ["203.0.113.7", "203.0.113.8"]) {
        await join(sfu, {}, { headers: { "X-Forwarded-For": address } });
      }
      expect(sfu.channels.map(({ identity }) => identity)).to.deep.equal(["127.0.0.1"]);
    });

    it("keeps the key and webRTC of the first request", async () => {
      const sfu = await start();
      await join(sfu, { key: "Zmlyc3Q=" }, { path: "/v1/channel?webRTC=false" });
      expect(await join(sfu, { key: "c2Vjb25k" })).to.have.property("status", 200);
      expect(sfu.channels).to.have.length(1);
      expect(sfu.channels[0]).to.include({ key: "Zmlyc3Q=", webRtc: false });
    });

    it("has WebRTC unless the query says false", async () => {
      const sfu = await start();
      await join(sfu, {}, { path: "/v1/channel?webRTC=no&recordingAddress=http%3A%2F%2Fodoo" });
      expect(sfu.channels[0]).to.include({ webRtc: true, recordingAddress: "http://odoo" });
    });
  });

  describe("the url", () => {
    const forwarded = { "X-Forwarded-Host": "sfu.example.com:8443, inner", "X-Forwarded-Proto": "https, http" };

    it("copies X-Forwarded-Host and -Proto with PROXY", async () => {
      const { url } = channelOf(await join(await start(), {}, { headers: forwarded }));
      expect(url).to.equal("https://sfu.example.com:8443");
    });

    it("is http for every X-Forwarded-Proto but https", async () => {
      const headers = { "X-Forwarded-Host": "Sfu", "X-Forwarded-Proto": "wss" };
      expect(channelOf(await join(await start(), {}, { headers })).url).to.equal("http://Sfu");
    });

    it("is http://PUBLIC_IP:PORT without PROXY", async () => {
      const sfu = await start({ proxy: false, publicIp: "198.51.100.1" });
      const { url } = channelOf(await join(sfu, {}, { headers: forwarded }));
      expect(url).to.equal(`http://198.51.100.1:${new URL(sfu.address).port}`);
    });
  });

  describe("the race", () => {
    it("makes several channels for simultaneous joins of a new iss", async () => {
      const sfu = await start({ latencyMs: { min: 5, max: 30 } });
      const replies = await Promise.all(Array.from({ length: 20 }, () => join(sfu)));
      const uuids = new Set(replies.map((reply) => channelOf(reply).uuid));
      expect(uuids.size).to.be.within(2, 20);
      expect(sfu.channels).to.have.length(uuids.size);
      expect(uuids).to.include(channelOf(await join(sfu)).uuid);
    });

    it("makes one where a join comes after the other", async () => {
      const sfu = await start({ latencyMs: { min: 0.5, max: 1 }, random: seeded(7) });
      for (let i = 0; i < 5; i++) await join(sfu);
      expect(sfu.channels).to.have.length(1);
    });
  });
});
