import { createHash } from "node:crypto";
import { expect } from "chai";
import { SECURITY_HEADERS } from "../../../lib/http/security-headers.ts";
import { eventually, FOR_A_PROCESS } from "../../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../../support/fleet.ts";
import { startGateway, type TestGateway } from "../../support/gateway.ts";
import { ask } from "../../support/request.ts";
import { callRaw } from "../../support/sockets.ts";
import { claimsOf, token } from "../../support/tokens.ts";
import { type RawAnswer, readAnswers } from "./raw-answers.ts";
import { FORGED, HOSTILE_REQUESTS, type HostileRequest } from "./requests.ts";

/** Behind whatever the gateway has read before, and the last on its connection. */
const LAST = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

describe("a gateway that is sent hostile requests", () => {
  let fleet: SimulatedFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startFleet(1, { latencyMs: { min: 0, max: 0 } });
    gateway = await startGateway({ sfus: fleet.entries, authFailures: { max: 1_000_000 } });
  });
  after(async () => {
    await gateway.close();
    await fleet.close();
  });

  const askedFor = (): readonly unknown[] => fleet.sfus[0]!.requests.map(({ claims }) => claims?.iss);

  for (const { what, bytes, answers, stays = true, isHead = false } of HOSTILE_REQUESTS) {
    it(`answers ${what} with ${shown(answers)}${stays ? "" : " and ends the connection"}, and goes on`, async () => {
      const caller = await callRaw(gateway.url, bytes + (stays ? LAST : ""));
      await caller.closed;
      const got = readAnswers(caller.received(), isHead ? 1 : 0);
      expect(got.map(described)).to.deep.equal([...answers, ...(stays ? ["200"] : [])]);
      for (const one of got) expectForm(one);
      if (!stays) expect(got.at(-1)?.headers.get("connection")).to.equal("close");

      expect((await gateway.join({ iss: "a good call" })).status).to.equal(200);
      expect(askedFor()).not.to.include(FORGED);
    });
  }

  it("has let no hidden request get as far as a route", () => {
    expect(HOSTILE_REQUESTS.length).to.be.above(190);
    expect(askedFor()).to.include.members(["own", "a good call"]).and.not.to.include(FORGED);
    const lines = gateway.logs.map((line) => JSON.stringify(line));
    const hash = createHash("sha256").update(FORGED).digest("hex").slice(0, 12);
    expect(lines.filter((line) => line.includes(hash))).to.deep.equal([]);
  });

  describe("by callers who leave", () => {
    /** Connections and requests, by a connection that is not kept for the next time. */
    const inHand = async (): Promise<number> => {
      const { body } = await ask(`${gateway.url}/metrics`);
      const series = body.matchAll(/^sfu_gateway_(?:connections|requests_in_flight) (\d+)$/gm);
      return Array.from(series, ([, count]) => Number(count)).reduce((sum, count) => sum + count);
    };
    let atRest: number;
    before(async () => {
      await gateway.join({ iss: "a good call" });
      atRest = await inHand();
    });

    const join = `GET /v1/channel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token({ claims: claimsOf("own") })}\r\n\r\n`;
    const body = "POST /v1/disconnect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

    for (const [what, bytes] of [
      ["a request", join],
      ["a chunked body", body],
      ["two requests at once", join + body],
    ] as const) {
      for (const how of ["with a word", "without a word"] as const) {
        it(`${how}, at every byte of ${what}, has none of them left`, async function () {
          this.timeout(60_000);
          const callers = await Promise.all(
            Array.from({ length: bytes.length }, (_, length) => callRaw(gateway.url, bytes.slice(0, length))),
          );
          for (const { socket } of callers) {
            if (how === "with a word") socket.end();
            else socket.resetAndDestroy();
          }
          await Promise.all(callers.map(({ closed }) => closed));
          await eventually("nothing is left", async () => (await inHand()) <= atRest, FOR_A_PROCESS);
        });
      }
    }
  });

  it("has met nothing that it did not foresee, and serves calls as ever", async () => {
    const lines = gateway.logs.map((line) => String(line.msg));
    expect(lines.filter((line) => line.startsWith("unexpected"))).to.deep.equal([]);
    expect((await gateway.join({ iss: "a good call" })).status).to.equal(200);
  });
});

function shown(answers: HostileRequest["answers"]): string {
  return answers.length > 3 ? `${String(answers.length)} answers` : answers.join(" and ");
}

/** As the table has it. */
function described({ status, body }: RawAnswer): string {
  const { error } = status >= 400 && body !== "" ? (JSON.parse(body) as { error: string }) : { error: "" };
  return `${String(status)} ${error}`.trim();
}

/** What holds for each, whoever has written it. */
function expectForm({ status, headers, body }: RawAnswer): void {
  if (status < 200) return;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    expect(headers.get(name.toLowerCase()), name).to.equal(value);
  }
  const requestId = headers.get("x-request-id");
  expect(requestId).to.match(/^[\w.:-]{1,128}$/);
  if (status < 400 || body === "") return;
  expect(headers.get("content-type")).to.equal("application/json; charset=utf-8");
  const said = JSON.parse(body) as Record<string, unknown>;
  expect(said).to.have.all.keys("error", "message", "requestId");
  expect(said.requestId).to.equal(requestId);
}
