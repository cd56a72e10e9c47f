import { expect } from "chai";
import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { systemClock } from "../../lib/clock.ts";
import { SfuError, type SfuFailure } from "../../lib/errors.ts";
import { createSfuClient, type DisconnectRequest, type JoinRequest, type SfuClient } from "../../lib/sfu/client.ts";
import {
  exampleFault,
  type Fault,
  type FaultKind,
  type SfuFamily,
  type SimulatedSfu,
} from "../../lib/simulator/sfu.ts";
import { sfuOf } from "../support/fleet.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { eventually } from "../support/eventually.ts";
import { answer, useRawServers } from "../support/sockets.ts";
import { claimsOf, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { createExchange } from "../../lib/sfu/exchange.ts";
import { TRANSPORTS } from "../support/transports.ts";

/** Nothing that answers at all takes so long. */
const AMPLE = { timeoutMs: 5000 };
const SHORT = { timeoutMs: 30 };

const silent: ReadonlySet<FaultKind> = new Set(["hang", "slow", "drip", "worker_hang"]);

function joinOf(parts: Partial<JoinRequest> = {}): JoinRequest {
  return {
    payload: Buffer.from(JSON.stringify(claimsOf("room"))),
    query: "",
    callerAddress: "203.0.113.7",
    requestId: "request-1",
    ...parts,
  };
}

/** The error that an attempt ends with. */
async function failed(attempt: Promise<unknown>): Promise<SfuError> {
  const error: unknown = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(SfuError);
  return error as SfuError;
}

/** Everything that a log or a debugger could show of an error. */
function allOf(error: Error): string {
  return [error.message, error.stack, JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join(
    "\n",
  );
}

for (const [name, transport] of TRANSPORTS) {
  describe(`the SFU client, by ${name}`, () => {
    const start = useSimulatedSfus();
    const listen = useRawServers();
    let client: SfuClient;
    beforeEach(() => {
      client = createSfuClient(systemClock, createExchange({ transport }));
    });
    afterEach(() => client.close());

    const broken = async (fault: Fault, family: SfuFamily = "odoo-sfu"): Promise<SimulatedSfu> => {
      const sfu = await start({ family });
      await sfu.break(fault);
      return sfu;
    };

    describe("joining", () => {
      it("brings the channel that the SFU has made", async () => {
        const sfu = await start();
        const channel = await client.join(sfuOf(1, { address: sfu.address }), joinOf(), AMPLE);
        expect(channel).to.deep.equal({ uuid: sfu.channels[0]!.uuid, url: sfu.address });
      });

      it("tells the SFU who called, and the SFU's own host and scheme", async () => {
        const sfu = await start();
        await client.join(sfuOf(1, { address: sfu.address }), joinOf({ callerAddress: "2001:db8::7" }), AMPLE);
        expect(sfu.requests[0]!.headers).to.include({
          "x-forwarded-for": "2001:db8::7",
          "x-forwarded-host": new URL(sfu.address).host,
          "x-forwarded-proto": "http",
          "x-request-id": "request-1",
        });
      });

      it("tells the SFU the host and scheme of its public URL, and answers that", async () => {
        const sfu = await start();
        const entry = sfuOf(1, { address: sfu.address, publicUrl: "https://sfu1.example.com:8443/media" });
        const { url } = await client.join(entry, joinOf(), AMPLE);
        expect(url).to.equal("https://sfu1.example.com:8443/media");
        expect(sfu.requests[0]!.headers).to.include({
          "x-forwarded-host": "sfu1.example.com:8443",
          "x-forwarded-proto": "https",
        });
      });

      it("answers the public URL even where the SFU says something else", async () => {
        const sfu = await listen((socket) => socket.write(answer('{"uuid":"u","url":"http://10.0.0.5:8070"}')));
        const entry = sfuOf(1, { address: sfu.address, publicUrl: "https://sfu1.example.com" });
        expect(await client.join(entry, joinOf(), AMPLE)).to.deep.equal({ uuid: "u", url: "https://sfu1.example.com" });
      });

      it("drops whatever else the SFU says of the channel", async () => {
        const sfu = await listen((socket) => socket.write(answer('{"uuid":"u","url":"http://x","key":"c2VjcmV0"}')));
        const channel = await client.join(sfuOf(1, { address: sfu.address }), joinOf(), AMPLE);
        expect(channel).to.deep.equal({ uuid: "u", url: "http://x" });
      });

      it("forwards the query untouched", async () => {
        const sfu = await start();
        const query = "recordingAddress=https%3A%2F%2Fx%2f&&webRTC=false&a&b=+&a=";
        await client.join(sfuOf(1, { address: sfu.address }), joinOf({ query }), AMPLE);
        expect(sfu.requests[0]!.query).to.equal(query);
      });

      it("signs the very bytes of the claims with the SFU's own key", async () => {
        const payload = Buffer.from('{ "iss":"room",  "key":"a+/b==", "n":1.0, "é":"\\u00e9", "exp":4000000000 }');
        const sfu = await start({ key: sfuKey(2) });
        await client.join(sfuOf(2, { address: sfu.address }), joinOf({ payload }), AMPLE);
        const { authorization = "" } = sfu.requests[0]!.headers;
        const [header = "", claims = "", signature = ""] = authorization.replace("Bearer ", "").split(".");
        expect(JSON.parse(Buffer.from(header, "base64url").toString())).to.deep.equal({ alg: "HS256", typ: "JWT" });
        expect(Buffer.from(claims, "base64url").equals(payload)).to.be.true;
        const expected = createHmac("sha256", Buffer.from(sfuKey(2), "base64")).update(`${header}.${claims}`);
        expect(signature).to.equal(expected.digest("base64url"));
      });

      it("finds an SFU behind a path prefix", async () => {
        const sfu = await listen((socket) => socket.write(answer('{"uuid":"u","url":"http://x"}')));
        await client.join(sfuOf(1, { address: `${sfu.address}/media/1` }), joinOf(), AMPLE);
        expect(sfu.requests[0]).to.match(/^GET \/media\/1\/v1\/channel HTTP\/1\.1\r\n/);
        expect(sfu.requests[0]).to.match(new RegExp(`^x-forwarded-host: ${new URL(sfu.address).host}\r$`, "im"));
      });

      const failures = {
        refuse: "refused",
        reset: "reset",
        hang: "timeout",
        slow: "timeout",
        drip: "timeout",
        status: "status_5xx",
        // What odoo/sfu says to a token that it refuses.
        unauthorized: "status_5xx",
        garbage: "garbage",
        huge: "too_large",
        redirect: "redirect",
        worker_hang: "timeout",
        lie: "garbage",
        wire: "garbage",
        compressed: "garbage",
        unasked: "garbage",
      } as const satisfies Record<FaultKind, SfuFailure>;
      for (const [kind, failure] of Object.entries(failures) as [FaultKind, SfuFailure][]) {
        it(`fails as ${failure} at an SFU with the fault ${kind}`, async () => {
          const sfu = await broken(exampleFault(kind));
          const bounds = silent.has(kind) ? SHORT : AMPLE;
          const error = await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), bounds));
          expect(error).to.have.property("failure", failure);
        });
      }

      it("fails as timeout where even the headers drip", async () => {
        const sfu = await broken({ kind: "drip", intervalMs: 5, headers: true });
        const error = await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), SHORT));
        expect(error).to.have.property("failure", "timeout");
        expect(error.message).to.equal("did not answer within 30 ms");
      });

      it("fails as unauthorized where o-sfu refuses the token", async () => {
        const sfu = await broken({ kind: "unauthorized" }, "o-sfu");
        const error = await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), AMPLE));
        expect(error).to.include({ failure: "unauthorized", status: 401 });
      });

      const statuses: readonly (readonly [number, SfuFailure])[] = [
        [201, "garbage"],
        [204, "garbage"],
        [304, "redirect"],
        [400, "status_4xx"],
        [401, "unauthorized"],
        [403, "status_4xx"],
        [404, "status_4xx"],
        [409, "status_4xx"],
        [429, "status_4xx"],
        [500, "status_5xx"],
        [502, "status_5xx"],
        [503, "status_5xx"],
        [504, "status_5xx"],
      ];
      for (const [status, failure] of statuses) {
        it(`fails as ${failure} at the status ${String(status)}`, async () => {
          const sfu = await broken({ kind: "status", status });
          const error = await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), AMPLE));
          expect(error).to.include({ failure, status });
        });
      }

      it("fails as garbage where 200 comes with a body that Odoo would stumble over", async () => {
        const sfu = await broken({ kind: "garbage", body: '{"uuid":"u"}' });
        const error = await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), AMPLE));
        expect(error).to.include({ failure: "garbage", status: 200 });
      });

      it("hangs up on the SFU once the caller has given up", async () => {
        const sfu = await broken({ kind: "hang" });
        const caller = new AbortController();
        const bounds = { ...AMPLE, signal: caller.signal };
        const attempt = client
          .join(sfuOf(1, { address: sfu.address }), joinOf(), bounds)
          .catch((error: unknown) => error);
        await eventually("the request has arrived", () => sfu.requests.length === 1);
        caller.abort(new Error("the caller hung up"));
        expect(await attempt).to.have.property("failure", "aborted");
        await eventually("the SFU has been hung up on", () => sfu.requests[0]!.aborted);
      });

      it("hangs up on the SFU once the time is up", async () => {
        const sfu = await broken({ kind: "hang" });
        await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), { timeoutMs: 100 }));
        await eventually("the SFU has been hung up on", () => sfu.requests.every(({ aborted }) => aborted));
      });
    });

    describe("an error", () => {
      const faults: readonly Fault[] = [
        { kind: "refuse" },
        { kind: "reset" },
        { kind: "hang" },
        { kind: "huge" },
        { kind: "garbage" },
        { kind: "redirect" },
        { kind: "unauthorized" },
        { kind: "status", status: 404 },
      ];
      for (const fault of faults) {
        it(`shows neither token nor key nor claims where the fault is ${fault.kind}`, async () => {
          const sfu = await broken(fault);
          const bounds = { timeoutMs: fault.kind === "hang" ? 100 : 5000 };
          const shown = allOf(await failed(client.join(sfuOf(1, { address: sfu.address }), joinOf(), bounds)));
          expect(shown).not.to.match(/authorization|bearer|eyJ/i);
          expect(shown).not.to.contain(sfuKey(1)).and.not.to.contain(claimsOf("room").key);
          for (const { headers } of sfu.requests) {
            for (const part of headers.authorization!.split(/[ .]/)) expect(shown).not.to.contain(part);
          }
        });
      }

      it("shows neither token nor key where it is the TLS handshake's", async () => {
        const sfu = await listen((socket) => socket.write(answer("", "400 Bad Request")));
        const address = sfu.address.replace("http:", "https:");
        const error = await failed(client.join(sfuOf(1, { address }), joinOf(), AMPLE));
        expect(error.failure).to.equal("tls");
        expect(allOf(error)).not.to.match(/authorization|bearer|eyJ/i);
      });
    });

    describe("noop", () => {
      it("is fine where the SFU is", async () => {
        const sfu = await start();
        await client.noop(sfuOf(1, { address: sfu.address }), AMPLE);
        expect(sfu.requests[0]).to.include({ method: "GET", path: "/v1/noop", status: 200 });
        expect(sfu.requests[0]!.headers).not.to.have.property("authorization");
      });

      it("fails as a join does", async () => {
        const sfu = await broken({ kind: "reset" });
        const error = await failed(client.noop(sfuOf(1, { address: sfu.address }), AMPLE));
        expect(error).to.have.property("failure", "reset");
      });
    });

    describe("disconnecting", () => {
      const byChannel = (sessionIdsByChannel: unknown): Buffer =>
        Buffer.from(JSON.stringify({ sessionIdsByChannel, exp: 4_000_000_000 }));
      const request = (parts: Partial<DisconnectRequest> = {}): DisconnectRequest => ({
        payload: byChannel({}),
        callerAddress: "203.0.113.7",
        requestId: "request-1",
        ...parts,
      });

      for (const family of ["odoo-sfu", "o-sfu"] as const) {
        it(`ends the sessions at ${family}`, async () => {
          const sfu = await start({ family });
          const entry = sfuOf(1, { address: sfu.address });
          const { uuid } = await client.join(entry, joinOf(), AMPLE);
          sfu.setSessions(uuid, { count: 3 });
          await client.disconnect(entry, request({ payload: byChannel({ [uuid]: [1, 3] }) }), AMPLE);
          expect(sfu.channels[0]!.sessions.map(({ id }) => id)).to.deep.equal([2]);
        });
      }

      it("tells the SFU who called, as joining does, and whose request this is", async () => {
        const sfu = await start();
        const entry = sfuOf(1, { address: sfu.address, publicUrl: "https://sfu1.example.com" });
        await client.disconnect(entry, request({ callerAddress: "2001:db8::7" }), AMPLE);
        const { method, path, headers } = sfu.requests[0]!;
        expect({ method, path }).to.deep.equal({ method: "POST", path: "/v1/disconnect" });
        expect(headers).to.include({
          "x-forwarded-for": "2001:db8::7",
          "x-forwarded-host": "sfu1.example.com",
          "x-forwarded-proto": "https",
          "x-request-id": "request-1",
          via: "1.1 sfu-gateway",
        });
        expect(headers).not.to.have.any.keys("authorization", "content-type");
      });

      it("finds an SFU behind a path prefix", async () => {
        const sfu = await listen((socket) => socket.write(answer("")));
        await client.disconnect(sfuOf(1, { address: `${sfu.address}/media/1` }), request(), AMPLE);
        expect(sfu.requests[0]).to.match(/^POST \/media\/1\/v1\/disconnect HTTP\/1\.1\r\n/);
      });

      it("signs the very bytes of the claims with the SFU's own key", async () => {
        const payload = Buffer.from('{ "sessionIdsByChannel": {"a": [1.0]}, "exp": 4000000000 }');
        const sfu = await listen((socket) => socket.write(answer("")));
        await client.disconnect(sfuOf(2, { address: sfu.address }), request({ payload }), AMPLE);
        const [header = "", claims = "", signature = ""] = sfu.requests[0]!.split("\r\n\r\n")[1]!.split(".");
        expect(Buffer.from(claims, "base64url").equals(payload)).to.be.true;
        const expected = createHmac("sha256", Buffer.from(sfuKey(2), "base64")).update(`${header}.${claims}`);
        expect(signature).to.equal(expected.digest("base64url"));
      });

      it("fails as unauthorized where the SFU has another key", async () => {
        const sfu = await start({ key: OTHER_KEY });
        const error = await failed(client.disconnect(sfuOf(1, { address: sfu.address }), request(), AMPLE));
        expect(error).to.include({ failure: "unauthorized", status: 422 });
      });

      it("fails where an edge sent it back, and says what to do", async () => {
        const sfu = await listen((socket) => socket.write(answer("", "508 Loop Detected")));
        const error = await failed(client.disconnect(sfuOf(1, { address: sfu.address }), request(), AMPLE));
        expect(error).to.include({ failure: "status_5xx", status: 508 });
        expect(error.message).to.match(/^is an edge that sent the gateway's own disconnect back to a gateway/);
      });

      const noAnswers = { refuse: "refused", reset: "reset", hang: "timeout" } as const;
      for (const [kind, failure] of Object.entries(noAnswers) as [keyof typeof noAnswers, SfuFailure][]) {
        it(`fails as ${failure} at an SFU with the fault ${kind}, and shows no secret`, async () => {
          const sfu = await broken({ kind });
          const bounds = kind === "hang" ? SHORT : AMPLE;
          const error = await failed(client.disconnect(sfuOf(1, { address: sfu.address }), request(), bounds));
          expect(error).to.have.property("failure", failure);
          expect(allOf(error)).not.to.match(/eyJ/).and.not.to.contain(sfuKey(1));
        });
      }

      const answers: Readonly<Record<number, SfuFailure>> = {
        201: "garbage",
        302: "redirect",
        401: "unauthorized",
        404: "status_4xx",
        413: "status_4xx",
        500: "status_5xx",
        502: "status_5xx",
      };
      for (const [status, failure] of Object.entries(answers)) {
        it(`fails as ${failure} at the status ${status}, and shows no secret`, async () => {
          const sfu = await listen((socket) => socket.write(answer("", `${status} So`)));
          const error = await failed(client.disconnect(sfuOf(1, { address: sfu.address }), request(), AMPLE));
          expect(error).to.include({ failure, status: Number(status) });
          expect(allOf(error)).not.to.match(/eyJ/).and.not.to.contain(sfuKey(1));
        });
      }
    });

    describe("the key check", () => {
      for (const family of ["odoo-sfu", "o-sfu"] as const) {
        it(`passes at ${family} with the right key, and makes no channel`, async () => {
          const sfu = await start({ family });
          expect(await client.checkKey(sfuOf(1, { address: sfu.address }), AMPLE)).to.equal("accepted");
          expect(sfu.channels).to.have.length(0);
          expect(sfu.requests[0]!.claims).to.have.all.keys("exp");
        });

        it(`fails at ${family} with a wrong key`, async () => {
          const sfu = await start({ family, key: OTHER_KEY });
          const expected = family === "o-sfu" ? "refused" : "refused or broken";
          expect(await client.checkKey(sfuOf(1, { address: sfu.address }), AMPLE)).to.equal(expected);
        });

        for (const [status, failure] of [
          [404, "status_4xx"],
          [503, "status_5xx"],
          [200, "garbage"],
        ] as const) {
          it(`gives no verdict at ${family} that answers ${String(status)}`, async () => {
            const sfu = await broken({ kind: "status", status }, family);
            const error = await failed(client.checkKey(sfuOf(1, { address: sfu.address }), AMPLE));
            expect(error).to.include({ failure, status });
          });
        }

        it(`gives no verdict at ${family} that does not answer`, async () => {
          const sfu = await broken({ kind: "hang" }, family);
          const error = await failed(client.checkKey(sfuOf(1, { address: sfu.address }), SHORT));
          expect(error).to.have.property("failure", "timeout");
        });
      }

      it("passes at an SFU whose media worker hangs: the key is not what is wrong", async () => {
        const sfu = await broken({ kind: "worker_hang" });
        expect(await client.checkKey(sfuOf(1, { address: sfu.address }), AMPLE)).to.equal("accepted");
      });
    });
  });
}
