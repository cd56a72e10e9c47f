import { expect } from "chai";
import { createHmac, randomBytes } from "node:crypto";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { ask, channelOf, disconnect, join, joinWith, nowS, seeded, sfuKey, sign, useSimulators } from "./harness.ts";

describe("the simulated o-sfu", () => {
  const startAny = useSimulators();
  const start = (options = {}): Promise<SimulatedSfu> => startAny({ family: "o-sfu", ...options });

  it("refuses to start with a key under 32 bytes, which odoo/sfu takes", () => {
    const options = { key: randomBytes(31).toString("base64"), clock: systemClock, random: seeded(1) };
    expect(() => new SimulatedSfu({ ...options, family: "o-sfu" })).to.throw(RangeError, "at least 32 bytes");
    expect(() => new SimulatedSfu(options)).not.to.throw();
    expect(() => new SimulatedSfu({ ...options, key: "" })).to.throw(RangeError);
  });

  for (const scheme of ["Bearer", "jwt"]) {
    it(`answers a valid token with 200, scheme ${scheme}`, async () => {
      const headers = { Authorization: `${scheme} ${sign({ iss: "a", key: "a2V5" })}` };
      const reply = await ask(await start(), { path: "/v1/channel", headers });
      expect(channelOf(reply)).to.have.all.keys("uuid", "url");
    });
  }

  const bad: Record<string, string> = {
    "another key": sign({ iss: "a", key: "a2V5" }, { key: randomBytes(32).toString("base64") }),
    "another key, no iss: the key check without a side effect": sign({}, { key: "b3RoZXI=" }),
    "an exp in the past": sign({ iss: "a", key: "a2V5", exp: nowS() - 1 }),
    "an iat over 60 s ahead": sign({ iss: "a", key: "a2V5", iat: nowS() + 86_400 }),
    "alg none": sign({ iss: "a", key: "a2V5" }, { alg: "none" }),
    "a key claim that is not a string": sign({ iss: "a", key: 7 }),
    padding: sign({ iss: "a", key: "a2V5" }, { encoding: "base64" }),
    "over 16 KB": sign({ iss: "a", key: "a2V5", more: "x".repeat(16 * 1024) }),
    garbage: "garbage",
  };
  for (const [what, token] of Object.entries(bad)) {
    it(`answers 401 with an empty body for ${what}`, async () => {
      expect(await joinWith(await start(), token)).to.deep.include({ status: 401, body: "" });
    });
  }

  it("answers 401 without a token", async () => {
    expect(await ask(await start(), { path: "/v1/channel" })).to.have.property("status", 401);
  });

  it("answers 403 without iss, and makes nothing", async () => {
    const sfu = await start();
    expect(await join(sfu, { iss: undefined })).to.have.property("status", 403);
    expect(sfu.channels).to.be.empty;
  });

  it("answers 400 with neither key nor keySeed, or an unusable seed", async () => {
    const sfu = await start();
    for (const claims of [{ key: undefined }, { keySeed: "" }, { keySeed: "no seed!" }]) {
      expect(await join(sfu, claims), JSON.stringify(claims)).to.deep.include({ status: 400, body: "" });
    }
  });

  it("answers 400 for a bad query, before it looks at the token", async () => {
    const sfu = await start();
    for (const query of ["webRTC=no", "webRTC=", "webRTC=true&webRTC=true"]) {
      expect(await join(sfu, {}, { path: `/v1/channel?${query}` }), query).to.have.property("status", 400);
    }
    expect(await joinWith(sfu, "garbage", { path: "/v1/channel?webRTC=no" })).to.have.property("status", 400);
    expect(await join(sfu, {}, { path: "/v1/channel?webRTC=true&other=1" })).to.have.property("status", 200);
  });

  it("derives the channel's key from keySeed, which wins over key", async () => {
    const sfu = await start();
    await join(sfu, { keySeed: "c2VlZA==" });
    const derived = createHmac("sha256", Buffer.from(sfuKey, "base64")).update("seed").digest("base64");
    expect(sfu.channels[0]!.key).to.equal(derived);
  });

  it("answers 409 to the same iss with another key or setting", async () => {
    const sfu = await start();
    const { uuid } = channelOf(await join(sfu));
    expect(await join(sfu, { key: "b3RoZXI=" })).to.deep.include({ status: 409, body: "" });
    expect(await join(sfu, { keySeed: "c2VlZA==" })).to.have.property("status", 409);
    expect(await join(sfu, {}, { path: "/v1/channel?webRTC=false" })).to.have.property("status", 409);
    expect(await join(sfu, {}, { path: "/v1/channel?recordingAddress=a" })).to.have.property("status", 409);
    expect(channelOf(await join(sfu)).uuid).to.equal(uuid);
    expect(sfu.channels).to.have.length(1);
  });

  it("takes a keySeed and the key derived from it for the same", async () => {
    const sfu = await start();
    const key = createHmac("sha256", Buffer.from(sfuKey, "base64")).update("seed").digest("base64");
    const first = channelOf(await join(sfu, { keySeed: "c2VlZA==" }));
    expect(channelOf(await join(sfu, { key })).uuid).to.equal(first.uuid);
  });

  it("wants the diagnostics token for the statistics, where it has one", async () => {
    const path = "/v1/stats";
    const sfu = await start({ diagnosticsToken: "secret" });
    expect(await ask(sfu, { path })).to.deep.include({ status: 401, body: "" });
    expect(await ask(sfu, { path, headers: { Authorization: "Bearer other" } })).to.have.property("status", 401);
    expect(await ask(sfu, { path, headers: { Authorization: "Bearer secret" } })).to.have.property("status", 200);
    expect(await ask(await start(), { path })).to.deep.include({ status: 200, body: "[]" });
  });

  it("lets anybody disconnect, in a body of at most 16 KB", async () => {
    const sfu = await start();
    const { uuid } = channelOf(await join(sfu, {}, { headers: { "X-Forwarded-For": "203.0.113.7" } }));
    sfu.setSessions(uuid, { count: 2 });
    const claims = { sessionIdsByChannel: { [uuid]: [1] } };
    expect(await disconnect(sfu, claims, { "X-Forwarded-For": "203.0.113.8" })).to.have.property("status", 200);
    expect(sfu.channels[0]!.sessions).to.have.length(1);
    expect(await disconnect(sfu, { ...claims, more: "x".repeat(16 * 1024) })).to.have.property("status", 413);
    expect(await disconnect(sfu, { more: 1 })).to.have.property("status", 422);
  });
});
