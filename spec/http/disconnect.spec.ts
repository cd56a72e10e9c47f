import { expect } from "chai";
import { systemClock, turnsOfTheLoop } from "../../lib/clock.ts";
import { MAX_DISCONNECT_BYTES, MAX_DISCONNECT_CHANNELS } from "../../lib/http/disconnect.ts";
import type { SfuFamily, SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { disconnectToken, postOf, type SessionIds } from "../support/disconnect.ts";
import { eventually } from "../support/eventually.ts";
import { type GatewaySetup, type LogLine, startGateway, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { answer, callRaw, useRawServers } from "../support/sockets.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

interface Disconnected {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

describe("POST /v1/disconnect", () => {
  const start = useSimulatedSfus();
  const listen = useRawServers();
  let sfus: SimulatedSfu[];
  let gateway: TestGateway;
  let others: TestGateway[];
  beforeEach(() => {
    others = [];
  });
  afterEach(() => Promise.all([gateway, ...others].map((one) => one.close())));

  /** So many SFUs with keys of their own, and a gateway in front of them. */
  const open = async (count = 2, setup: Partial<GatewaySetup> = {}, family: SfuFamily = "odoo-sfu"): Promise<void> => {
    sfus = await Promise.all(Array.from({ length: count }, (_, index) => start({ key: sfuKey(index + 1), family })));
    gateway = await gatewayFor(setup);
  };
  const gatewayFor = (setup: Partial<GatewaySetup> = {}): Promise<TestGateway> =>
    startGateway({ sfus: sfus.map(({ address }, index) => ({ address, key: sfuKey(index + 1) })), ...setup });
  /** Another one in front of the same SFUs, which has seen none of their channels. */
  const stranger = async (setup: Partial<GatewaySetup> = {}): Promise<TestGateway> => {
    const other = await gatewayFor(setup);
    others.push(other);
    return other;
  };

  const send = async (
    body: string,
    headers: Readonly<Record<string, string>> = {},
    at = gateway,
  ): Promise<Disconnected> => {
    const response = await at.get("/v1/disconnect", postOf(body, headers));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const disconnect = (sessionIds: SessionIds, at = gateway): Promise<Disconnected> =>
    send(disconnectToken(sessionIds), {}, at);

  /** A call with three members on one of the SFUs. @returns its uuid */
  const call = async (sfu: SimulatedSfu, iss: string): Promise<string> => {
    for (const other of sfus) if (other !== sfu) await other.break({ kind: "refuse" });
    const { status, body } = await gateway.join({ iss });
    expect(status).to.equal(200);
    for (const other of sfus) await other.heal();
    sfu.setSessions(body.uuid as string, { count: 3 });
    return body.uuid as string;
  };
  const sessionsOf = (uuid: string): readonly number[] =>
    sfus
      .flatMap(({ channels }) => channels.filter((channel) => channel.uuid === uuid))[0]!
      .sessions.map(({ id }) => id);
  const disconnectsAt = (sfu: SimulatedSfu): SimulatedSfu["requests"] =>
    sfu.requests.filter(({ path }) => path === "/v1/disconnect");
  const lines = (at = gateway): readonly LogLine[] =>
    at.logs.filter(({ msg }) => (msg as string).includes("disconnect"));
  const errorOf = ({ text }: Disconnected): Readonly<Record<string, string>> =>
    JSON.parse(text) as Record<string, string>;

  for (const family of ["odoo-sfu", "o-sfu"] as const) {
    it(`ends the sessions at ${family}, answers as it does, and asks nobody else`, async () => {
      await open(2, {}, family);
      const uuid = await call(sfus[1]!, "room");
      const { status, text, headers } = await disconnect({ [uuid]: [1, 3] });
      expect({ status, text }).to.deep.equal({ status: 200, text: "" });
      expect(headers.get("x-request-id")).not.to.be.null;
      expect(sessionsOf(uuid)).to.deep.equal([2]);
      expect(disconnectsAt(sfus[0]!)).to.deep.equal([]);
    });
  }

  it("tells each SFU of its own channels, in a token of its own", async () => {
    await open(3);
    const [a, b, c] = [await call(sfus[0]!, "a"), await call(sfus[1]!, "b"), await call(sfus[1]!, "c")];
    const claims = { sessionIdsByChannel: { [a]: [1], [b]: [2], [c]: [3] }, jti: "7", exp: 4_000_000_000 };
    expect((await send(token({ claims }))).status).to.equal(200);
    const told = sfus.map((sfu) => disconnectsAt(sfu).map((request) => request.claims));
    expect(told).to.deep.equal([
      [{ ...claims, sessionIdsByChannel: { [a]: [1] } }],
      [{ ...claims, sessionIdsByChannel: { [b]: [2], [c]: [3] } }],
      [],
    ]);
    expect([a, b, c].map(sessionsOf)).to.deep.equal([
      [2, 3],
      [1, 3],
      [1, 2],
    ]);
  });

  it("asks everybody where it has not seen the channel, once each", async () => {
    await open(3);
    const [a, b] = [await call(sfus[0]!, "a"), await call(sfus[2]!, "b")];
    const other = await stranger();
    expect((await disconnect({ [a]: [1], [b]: [1] }, other)).status).to.equal(200);
    expect([a, b].map(sessionsOf)).to.deep.equal([
      [2, 3],
      [2, 3],
    ]);
    for (const sfu of sfus) expect(disconnectsAt(sfu)).to.have.length(1);
    expect(lines(other)[0]!.msg).to.match(
      /^3 SFUs took the disconnect of sessions in 2 channels in [\d.]+ ms; which SFU has 2 of them is not known, so all were asked$/,
    );
  });

  it("asks only the SFU whose statistics list the channel, where a gateway has not seen it begin", async () => {
    await open(3);
    const uuid = await call(sfus[1]!, "room");
    const other = await stranger({ health: { intervalMs: 50, statsIntervalMs: 50 } });
    const series = `sfu_sessions{sfu="${sfus[1]!.address}",region="none"}`;
    await eventually("its statistics are read", async () => (await other.metric(series)) === 3);
    expect((await disconnect({ [uuid]: [1] }, other)).status).to.equal(200);
    expect(sessionsOf(uuid)).to.deep.equal([2, 3]);
    expect(sfus.map((sfu) => disconnectsAt(sfu).length)).to.deep.equal([0, 1, 0]);
  });

  it("asks no SFU that is down where nobody knows, and one that made the channel all the same", async () => {
    await open(2, { health: { intervalMs: 50, unhealthyAfter: 1 } });
    const [a, b] = [await call(sfus[0]!, "a"), await call(sfus[1]!, "b")];
    await sfus[0]!.break({ kind: "refuse" });
    const isUp = `sfu_up{sfu="${sfus[0]!.address}",region="none"}`;
    await eventually("it is down", () => gateway.logs.some(({ to }) => to === "down"));
    expect(await gateway.metric(isUp)).to.equal(0);
    expect((await disconnect({ [b]: [1], unknown: [1] })).status).to.equal(200);
    expect(sessionsOf(b)).to.deep.equal([2, 3]);
    expect(lines()[0]).to.include({ unknown: 1, silent: 1, asked: 1 });
    expect(lines()[0]!.msg).to.match(/is not known, so all but 1 that is down or expired were asked$/);
    expect((await disconnect({ [a]: [1] })).status).to.equal(502);
  });

  it("asks nobody where it names no channel", async () => {
    await open();
    expect((await disconnect({})).status).to.equal(200);
    for (const sfu of sfus) expect(disconnectsAt(sfu)).to.deep.equal([]);
    expect(lines().map(({ level, msg }) => [level, msg])).to.deep.equal([
      ["info", "a disconnect named no channels, so nobody was asked"],
    ]);
  });

  it("tells the SFU who called, and goes by the same id", async () => {
    await open(1, { env: { SFU_GATEWAY_TRUST_PROXY: "127.0.0.1" } });
    const headers = { "x-forwarded-for": "203.0.113.7", "x-request-id": "edge-1", "x-forwarded-host": "evil.test" };
    const { headers: own } = await send(disconnectToken({ x: [1] }), headers);
    expect(own.get("x-request-id")).to.equal("edge-1");
    const [request] = disconnectsAt(sfus[0]!);
    expect(request!.headers).to.include({
      "x-forwarded-for": "203.0.113.7",
      "x-forwarded-host": new URL(sfus[0]!.address).host,
      "x-forwarded-proto": "http",
      "x-request-id": "edge-1",
    });
    expect(request!.headers).not.to.have.any.keys("authorization", "content-type");
  });

  it("takes a token under any key while the gateway's is rotated", async () => {
    await open(1, { env: { SFU_GATEWAY_KEY: `${GATEWAY_KEY},${OTHER_KEY}` } });
    for (const key of [GATEWAY_KEY, OTHER_KEY]) {
      expect((await send(disconnectToken({ x: [1] }, { key }))).status).to.equal(200);
    }
    expect(disconnectsAt(sfus[0]!)).to.have.length(2);
  });

  it("reaches an SFU that is drained and whose breaker is open", async () => {
    await open(2, { env: { SFU_GATEWAY_ADMIN_TOKEN: "an admin token" }, breaker: { minimumRequests: 1 } });
    const uuid = await call(sfus[1]!, "room");
    await gateway.get("/v1/sfu/drain", {
      method: "POST",
      headers: { authorization: "Bearer an admin token" },
      body: JSON.stringify({ address: sfus[1]!.address }),
    });
    await sfus[1]!.break({ kind: "reset" });
    await gateway.join();
    const series = `breaker_state{sfu="${sfus[1]!.address}",region="none",state="open"}`;
    await eventually("its breaker is open", async () => (await gateway.metric(series)) === 1);
    await sfus[1]!.heal();
    expect((await disconnect({ [uuid]: [2] })).status).to.equal(200);
    expect(sessionsOf(uuid)).to.deep.equal([1, 3]);
  });

  it("costs an SFU that fails it neither its breaker nor its health", async () => {
    await open(1, { breaker: { minimumRequests: 1 } });
    await sfus[0]!.break({ kind: "reset" });
    expect((await disconnect({ x: [1] })).status).to.equal(502);
    await sfus[0]!.heal();
    expect((await gateway.join()).status).to.equal(200);
    expect(await gateway.metric(`attempts_total{sfu="${sfus[0]!.address}",outcome="reset"}`)).to.equal(0);
    expect(gateway.logs.filter(({ msg }) => /breaker|failing|down/.test(msg as string))).to.deep.equal([]);
  });

  describe("where an SFU does not take it,", () => {
    it("still tells the others, and says who did not", async () => {
      await open(3, { failover: { attemptTimeoutMs: 200 } });
      const [a, b] = [await call(sfus[0]!, "a"), await call(sfus[1]!, "b")];
      await sfus[0]!.break({ kind: "hang" });
      const answered = await disconnect({ [a]: [1], [b]: [1] });
      expect(answered.status).to.equal(502);
      expect(errorOf(answered)).to.deep.equal({
        error: "disconnect_incomplete",
        message: `1 of 2 SFUs did not take it: ${sfus[0]!.address} did not answer within 200 ms`,
        requestId: answered.headers.get("x-request-id"),
      });
      expect([a, b].map(sessionsOf)).to.deep.equal([
        [1, 2, 3],
        [2, 3],
      ]);
      const [line] = lines();
      expect(line).to.include({ level: "warn", outcome: "disconnect_incomplete", channels: 2, unknown: 0, asked: 2 });
      expect(line!.failed).to.deep.equal([{ sfu: sfus[0]!.address, outcome: "timeout" }]);
      expect(line!.msg).to.match(/^a disconnect is incomplete after [\d.]+ ms, sessions may go on until/);
    });

    it("says that nobody knew where the channel is", async () => {
      await open(2);
      const uuid = await call(sfus[1]!, "room");
      const other = await stranger();
      await sfus[0]!.break({ kind: "refuse" });
      const answered = await disconnect({ [uuid]: [1] }, other);
      expect(answered.status).to.equal(502);
      expect(errorOf(answered).message).to.match(/^1 of 2 SFUs .* refused the connection/);
      expect(errorOf(answered).message).to.match(
        /\(the SFU of 1 of 1 channels is not known, so all are to be asked\)$/,
      );
      expect(sessionsOf(uuid)).to.deep.equal([2, 3]);
    });

    it("calls a key that the SFU refuses a failure", async () => {
      await open(1);
      await sfus[0]!.break({ kind: "unauthorized" });
      const answered = await disconnect({ x: [1] });
      expect(answered.status).to.equal(502);
      expect(errorOf(answered).message).to.contain("refused the token that the gateway signed for it");
    });

    it("has nobody to ask in an empty fleet, and does not call that done", async () => {
      await open(0, { env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY } });
      const answered = await disconnect({ x: [1] });
      expect(answered.status).to.equal(502);
      expect(errorOf(answered).message).to.match(/but there is none$/);
    });
  });

  it("ends what the caller wanted although he hung up", async () => {
    await open(1, { failover: { attemptTimeoutMs: 5000, retryTimeoutMs: 5000 } });
    let reply = (): void => undefined;
    let isUnderWay = false;
    const slow = await listen((socket) => {
      isUnderWay = true;
      reply = () => socket.write(answer(""));
    });
    const other = await startGateway({ sfus: [{ address: slow.address, key: sfuKey(1) }] });
    others.push(other);
    const caller = new AbortController();
    const init = { ...postOf(disconnectToken({ x: [1] })), signal: caller.signal };
    const sent = other.get("/v1/disconnect", init).catch((error: unknown) => error);
    await eventually("the SFU is asked", () => isUnderWay);
    caller.abort();
    await sent;
    expect(slow.open).to.equal(1);
    expect(lines(other)).to.deep.equal([]);
    reply();
    await eventually("it has been taken", () => lines(other).length === 1);
    expect(lines(other)[0]).to.include({ level: "info", outcome: "ok" });
  });

  it("takes as many channels as there may be", async () => {
    await open(1);
    const uuids = Array.from({ length: MAX_DISCONNECT_CHANNELS }, (_, index) => `x${String(index)}`);
    expect((await disconnect(Object.fromEntries(uuids.map((uuid) => [uuid, [1]])))).status).to.equal(200);
  });

  it("is waited for by a shutdown although the caller has hung up", async () => {
    const asked = Promise.withResolvers<() => void>();
    const slow = await listen((socket) => asked.resolve(() => socket.write(answer(""))));
    gateway = await startGateway({
      sfus: [{ address: slow.address, key: sfuKey(1) }],
      failover: { attemptTimeoutMs: 5000, retryTimeoutMs: 5000 },
    });
    const caller = new AbortController();
    const init = { ...postOf(disconnectToken({ x: [1] })), signal: caller.signal };
    const sent = gateway.get("/v1/disconnect", init).catch((error: unknown) => error);
    const reply = await asked.promise;
    caller.abort();
    await sent;
    let isClosed = false;
    const closing = gateway.close().then(() => (isClosed = true));
    await eventually("it takes nothing new", () =>
      gateway.get("/healthz").then(
        () => false,
        () => true,
      ),
    );
    await turnsOfTheLoop(100);
    expect(isClosed).to.be.false;
    expect(lines()).to.deep.equal([]);
    reply();
    await closing;
    expect(lines()[0]).to.include({ level: "info", outcome: "ok" });
  });

  it("has its budget from the arrival on, however long its token is under way", async () => {
    await open(1, { failover: { attemptTimeoutMs: 200, retryTimeoutMs: 200 } });
    const body = disconnectToken({ x: [1] });
    const head = `POST /v1/disconnect HTTP/1.1\r\nHost: a\r\nContent-Length: ${String(body.length)}\r\n\r\n`;
    const caller = await callRaw(gateway.url, head + body.slice(0, 9));
    const sentMs = systemClock.monotonic();
    await eventually("the budget is over", () => systemClock.monotonic() - sentMs > 300);
    caller.socket.write(body.slice(9));
    await eventually("it is over", () => lines().length === 1);
    expect(lines()[0]).to.include({ outcome: "disconnect_incomplete", asked: 0 });
    caller.socket.destroy();
  });

  describe("refuses, and asks no SFU,", () => {
    const cases: Readonly<Record<string, readonly [string, number, string, RegExp]>> = {
      "no body": ["", 422, "missing_token", /JWT as the body/],
      garbage: ["garbage", 422, "invalid_token", /well-formed/],
      "a token under another key": [
        disconnectToken({ x: [1] }, { key: OTHER_KEY }),
        422,
        "invalid_token",
        /none of the gateway's keys/,
      ],
      "a token under an SFU's key": [
        disconnectToken({ x: [1] }, { key: sfuKey(1) }),
        422,
        "invalid_token",
        /none of the gateway's keys/,
      ],
      "an expired token": [
        token({ claims: { sessionIdsByChannel: { x: [1] }, exp: 1 } }),
        422,
        "invalid_token",
        /has expired/,
      ],
      "a token for a channel": [token({ claims: claimsOf("room") }), 422, "invalid_claims", /'sessionIdsByChannel'/],
      "sessions that are no array": [
        token({ claims: { sessionIdsByChannel: { x: 1 }, exp: 4_000_000_000 } }),
        422,
        "invalid_claims",
        /an array for each channel/,
      ],
      "more channels than a fleet is asked for": [
        disconnectToken(
          Object.fromEntries(
            Array.from({ length: MAX_DISCONNECT_CHANNELS + 1 }, (_, index) => [`x${String(index)}`, [1]]),
          ),
        ),
        422,
        "invalid_claims",
        /names 501 channels, and 500 is the most/,
      ],
      "a body beyond the limit": ["x".repeat(MAX_DISCONNECT_BYTES + 1), 413, "body_too_large", /larger than 64 KB/],
    };
    for (const [what, [body, status, error, message]] of Object.entries(cases)) {
      it(what, async () => {
        await open(1);
        const answered = await send(body);
        expect(answered.status).to.equal(status);
        expect(errorOf(answered)).to.have.all.keys("error", "message", "requestId");
        expect(errorOf(answered)).to.include({ error, requestId: answered.headers.get("x-request-id") });
        expect(errorOf(answered).message).to.match(message);
        expect(disconnectsAt(sfus[0]!)).to.deep.equal([]);
        expect(await gateway.metric(`rejected_total{reason="${error}"}`)).to.equal(1);
        expect(await gateway.metric(`disconnects_total{outcome="${error}"}`)).to.equal(1);
        expect(lines().map(({ level, outcome }) => [level, outcome])).to.deep.equal([["warn", error]]);
      });
    }

    it("what a gateway sent, and says who has to send it elsewhere", async () => {
      await open(1);
      for (const via of ["1.1 sfu-gateway", "1.1 edge, 1.1 sfu-gateway", "HTTP/1.1 sfu-gateway (nginx)"]) {
        const answered = await send(disconnectToken({ x: [1] }), { via });
        expect(answered.status).to.equal(508);
        expect(errorOf(answered)).to.include({ error: "loop_detected" });
      }
      expect(disconnectsAt(sfus[0]!)).to.deep.equal([]);
      expect((await send(disconnectToken({ x: [1] }), { via: "1.1 my-sfu-gateway, 1.0 x" })).status).to.equal(200);
    });

    it("other methods", async () => {
      await open(1);
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const response = await gateway.get("/v1/disconnect", { method });
        expect(response.status, method).to.equal(405);
        expect(response.headers.get("allow")).to.equal("POST");
      }
    });

    it("a caller who hangs up in the midst of his token, which counts as no refusal", async () => {
      await open(1);
      const caller = await callRaw(
        gateway.url,
        "POST /v1/disconnect HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\neyJ",
      );
      caller.socket.destroy();
      await eventually("it is in the log", () => lines().length === 1);
      expect(lines()[0]).to.include({ level: "warn", outcome: "caller_gone" });
      expect(await gateway.metric(`rejected_total{reason="caller_gone"}`)).to.equal(0);
    });
  });

  it("asks itself once where an SFU's address leads back to it, not for ever", async () => {
    // An edge that sends every disconnect to the gateway, whoever it comes from.
    let url = "";
    const edge = await listen((socket, { text }) => {
      void fetch(`${url}/v1/disconnect`, postOf(text.split("\r\n\r\n")[1]!, { via: viaOf(text) })).then(({ status }) =>
        socket.write(answer("", `${String(status)} So`)),
      );
    });
    gateway = await startGateway({ sfus: [{ address: edge.address, key: GATEWAY_KEY }] });
    ({ url } = gateway);
    const answered = await disconnect({ x: [1] });
    expect(answered.status).to.equal(502);
    expect(errorOf(answered).message).to.contain("is an edge that sent the gateway's own disconnect back to a gateway");
    expect(edge.requests).to.have.length(1);
    expect(lines().map(({ outcome }) => outcome)).to.deep.equal(["loop_detected", "disconnect_incomplete"]);
  });

  it("shows in no answer and no log line a token, a key, a uuid or a session", async () => {
    await open(2);
    const uuid = await call(sfus[0]!, "room");
    const bodies: string[] = [];
    for (const sessionIds of [{ [uuid]: [918_273] }, { [uuid]: [918_273], "unknown-uuid": [918_274] }]) {
      bodies.push((await disconnect(sessionIds)).text);
      await sfus[0]!.break({ kind: "unauthorized" });
      bodies.push((await disconnect(sessionIds)).text);
      bodies.push((await send(disconnectToken(sessionIds, { key: OTHER_KEY }))).text);
      await sfus[0]!.heal();
    }
    const shown = JSON.stringify([bodies, gateway.logs]);
    for (const secret of [uuid, "unknown-uuid", "918273", "918274", "eyJ", GATEWAY_KEY, sfuKey(1), OTHER_KEY]) {
      expect(shown).not.to.contain(secret);
    }
  });
});

function viaOf(request: string): string {
  return /^via: (.*)\r$/im.exec(request)?.[1] ?? "";
}
