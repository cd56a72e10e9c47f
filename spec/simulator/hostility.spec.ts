import { expect } from "chai";
import {
  channelLieNames,
  type Fault,
  oddTruths,
  type SimulatedSfu,
  type SimulatedSfuOptions,
  statsLieNames,
  UNASKED_UUID,
  type WireTrick,
  wireTricks,
} from "../../lib/simulator/sfu.ts";
import { callRaw, type RawCaller } from "../support/sockets.ts";
import { ask, channelOf, join, manualClock, sign, until, useSimulators } from "./harness.ts";

/** More than any buffer on the way holds back by itself. */
const FLOOD_BYTES = 300_000;

interface Expected {
  /** What has arrived in the end, or of a flood when that much has arrived. */
  readonly received: RegExp;
  /** "silence" after it: the connection stays open. */
  readonly then: "closed" | "silence" | "more";
}

const OK = String.raw`HTTP/1\.1 200 OK\r\nContent-Type: application/json\r\n`;
const BODY = String.raw`\{"uuid":"[0-9a-f-]{36}","url":"http://127\.0\.0\.1:\d+"\}`;
const CHUNKED = String.raw`Transfer-Encoding: chunked\r\n\r\n`;
const CLOSING = String.raw`Connection: close\r\n`;

function expected(then: Expected["then"], ...parts: readonly string[]): Expected {
  return { received: new RegExp(`^${parts.join("")}${then === "more" ? "" : "$"}`), then };
}

const EXPECTED: Readonly<Record<WireTrick, Expected>> = {
  interim_100_flood: expected("more", String.raw`(HTTP/1\.1 100 Continue\r\n\r\n){1000}`),
  interim_102_flood: expected("more", String.raw`(HTTP/1\.1 102 Processing\r\n\r\n){1000}`),
  interim_103_flood: expected("more", String.raw`(HTTP/1\.1 103 Early Hints\r\nLink: <x{1024}>\r\n\r\n){100}`),
  interim_few: expected("closed", String.raw`(HTTP/1\.1 103 [^]*?\r\n\r\n){3}${OK}[^]*\r\n\r\n${BODY}`),
  blank_lines_endless: expected("more", String.raw`(\r\n){1000}`),
  status_line_endless: expected("more", String.raw`HTTP/1\.1 200 x{100000}`),
  header_vast: expected("closed", OK, String.raw`X-Vast: x{1048576}\r\n`, CLOSING, String.raw`[^]*${BODY}`),
  header_endless: expected("more", OK, "X-Endless: x{100000}"),
  headers_many: expected("closed", OK, String.raw`(a: b\r\n){100000}`, CLOSING, String.raw`[^]*${BODY}`),
  headers_endless: expected("more", OK, String.raw`(a: b\r\n){10000}`),
  header_folded: expected("closed", OK, String.raw`X-Folded: a\r\n b\r\n`, String.raw`[^]*${BODY}`),
  header_with_nul: expected("closed", OK, String.raw`X-Nul: a\0b\r\n`, String.raw`[^]*${BODY}`),
  chunk_without_size: expected("silence", OK, CHUNKED, String.raw`zz\r\n`),
  chunk_negative: expected("silence", OK, CHUNKED, String.raw`-5\r\n${BODY}\r\n0\r\n\r\n`),
  chunk_beyond_numbers: expected("silence", OK, CHUNKED, String.raw`f{17}\r\n${BODY}`),
  chunk_vast: expected("silence", OK, CHUNKED, String.raw`f{12}\r\n${BODY}`),
  chunk_zeros_endless: expected("more", OK, CHUNKED, "0{100000}"),
  chunk_extension_few: expected("closed", OK, CLOSING, CHUNKED, String.raw`[0-9a-f]+;a=b\r\n${BODY}\r\n0\r\n\r\n`),
  chunk_extension_endless: expected("more", OK, CHUNKED, "5;a=x{100000}"),
  chunk_extensions_endless: expected("more", OK, CHUNKED, String.raw`(1;x{1024}\r\nx\r\n){100}`),
  chunks_tiny_endless: expected("more", OK, CHUNKED, String.raw`(1\r\nx\r\n){10000}`),
  chunks_unfinished: expected("silence", OK, CHUNKED, String.raw`[0-9a-f]+\r\n${BODY}\r\n`),
  chunks_compressed: expected(
    "closed",
    OK,
    CLOSING,
    String.raw`Transfer-Encoding: gzip, chunked\r\n\r\n[^]+\r\n0\r\n\r\n`,
  ),
  length_too_large: expected("silence", OK, String.raw`Content-Length: [5-9]\d\d\r\n\r\n${BODY}`),
  length_too_large_closed: expected("closed", OK, String.raw`Content-Length: [5-9]\d\d\r\n\r\n${BODY}`),
  length_too_small: expected("silence", OK, String.raw`Content-Length: 5\r\n\r\n${BODY}`),
  length_twice: expected(
    "silence",
    OK,
    String.raw`Content-Length: 5\r\n`,
    CLOSING,
    String.raw`Content-Length: \d\d+\r\n\r\n${BODY}`,
  ),
  length_negative: expected("silence", OK, String.raw`Content-Length: -5\r\n\r\n${BODY}`),
  length_beyond_numbers: expected("silence", OK, String.raw`Content-Length: 9{30}\r\n\r\n${BODY}`),
  length_beside_chunks: expected("silence", OK, String.raw`Content-Length: 5\r\n`, CHUNKED, String.raw`[^]+0\r\n\r\n`),
  cut_before_anything: expected("closed"),
  cut_in_status_line: expected("closed", String.raw`HTTP/1\.1 20`),
  cut_in_headers: expected("closed", OK.slice(0, -4)),
  cut_before_body: expected("closed", OK, String.raw`Content-Length: \d\d+\r\n\r\n`),
  cut_in_body: expected("closed", OK, CLOSING, String.raw`Content-Length: \d\d+\r\n\r\n`, BODY.slice(0, -2)),
  cut_in_body_without_length: expected("closed", OK, CLOSING, String.raw`\r\n`, BODY.slice(0, -2)),
  cut_in_chunk: expected("closed", OK, CHUNKED, String.raw`[0-9a-f]+\r\n`, BODY.slice(0, -2)),
  cut_before_last_chunk: expected("closed", OK, CHUNKED, String.raw`[0-9a-f]+\r\n${BODY}\r\n`),
  trailers_few: expected("closed", OK, CLOSING, CHUNKED, String.raw`[^]+\r\n0\r\nX-Trailer: a\r\n\r\n`),
  trailer_endless: expected("more", OK, CHUNKED, String.raw`[^]+?\r\n0\r\nX-Trailer: x{100000}`),
  trailers_endless: expected("more", OK, CHUNKED, String.raw`[^]+?\r\n0\r\n(a: b\r\n){10000}`),
  tail_of_garbage: expected("silence", OK, String.raw`Connection: keep-alive\r\n[^]*${BODY}and so on`),
  second_answer_at_once: expected(
    "silence",
    OK,
    String.raw`[^]*${BODY}${OK}[^]*\r\n\r\n\{"uuid":"${UNASKED_UUID}",.*\}`,
  ),
  no_head: expected("closed", BODY),
  bare_line_feeds: expected("closed", String.raw`HTTP/1\.1 200 OK\n[^\r]*\n\n${BODY}`),
  ssh_banner: expected("silence", String.raw`SSH-2\.0-.*\r\n`),
  http2_frames: expected("silence", String.raw`\0\0\0\x04\0\0\0\0\0`),
  nuls_endless: expected("more", String.raw`\0{100000}`),
  status_000: expected("closed", String.raw`HTTP/1\.1 000 [^]+`),
  status_101: expected("silence", String.raw`HTTP/1\.1 101 [^]+\r\nUpgrade: websocket\r\n\r\n`),
  status_101_and_an_answer: expected("silence", String.raw`HTTP/1\.1 101 .*\r\n\r\n${OK}[^]+${UNASKED_UUID}.*`),
  status_204_with_body: expected("silence", String.raw`HTTP/1\.1 204 [^]+\r\n\r\n${BODY}`),
  status_204_and_an_answer: expected("silence", String.raw`HTTP/1\.1 204 .*\r\n\r\n${OK}[^]+${UNASKED_UUID}.*`),
  status_205_with_body: expected("closed", String.raw`HTTP/1\.1 205 [^]+\r\n\r\n${BODY}`),
  status_206: expected("closed", String.raw`HTTP/1\.1 206 [^]+\r\n\r\n${BODY}`),
  status_304_with_body: expected("silence", String.raw`HTTP/1\.1 304 [^]+\r\n\r\n${BODY}`),
  status_304_and_an_answer: expected("silence", String.raw`HTTP/1\.1 304 .*\r\n\r\n${OK}[^]+${UNASKED_UUID}.*`),
  status_999: expected("closed", String.raw`HTTP/1\.1 999 [^]+`),
};

const TOKEN = sign({ iss: "odoo:channel:1", key: "Y2hhbm5lbA==" });
const REQUEST = `GET /v1/channel HTTP/1.1\r\nHost: sfu\r\nX-Forwarded-Host: 127.0.0.1:1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;

describe("the simulated SFU's hostility", () => {
  const start = useSimulators();
  const broken = async (fault: Fault, options: Partial<SimulatedSfuOptions> = {}): Promise<SimulatedSfu> => {
    const sfu = await start(options);
    await sfu.break(fault);
    return sfu;
  };

  describe("on the wire", () => {
    for (const trick of wireTricks) {
      const { received, then } = EXPECTED[trick];
      it(`${trick}: ${then === "more" ? "without an end" : `and then ${then}`}`, async () => {
        const sfu = await broken({ kind: "wire", trick });
        const caller = await callRaw(sfu.address, REQUEST);
        await hasCome(caller, received, then);
        // Matched by pieces, or a flood would have the regular expression go back and forth.
        expect(received.test(caller.received().slice(0, 4 * 1024 * 1024)), caller.received().slice(0, 300)).to.be.true;
        if (then === "silence") expect(sfu.traffic).to.include({ connections: 1, open: 1 });
        caller.socket.destroy();
        await until(() => sfu.traffic.open === 0);
        expect(sfu.requests[0]).to.include({ fault: "wire", aborted: then !== "closed" });
      });
    }

    it("is on one route alone where that is asked for", async () => {
      const sfu = await broken({ kind: "wire", trick: "status_205_with_body", path: "/v1/channel" });
      expect(await ask(sfu)).to.have.property("status", 200);
      expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("status", 200);
      expect(await join(sfu)).to.have.property("status", 205);
    });

    async function hasCome(caller: RawCaller, received: RegExp, then: Expected["then"]): Promise<void> {
      if (then === "closed") await caller.closed;
      else if (then === "more") await until(() => caller.received().length > FLOOD_BYTES);
      else await until(() => received.test(caller.received()));
    }
  });

  describe("in its words", () => {
    for (const lie of channelLieNames) {
      const isTrue = oddTruths.includes(lie);
      it(`${lie}: ${isTrue ? "a channel all the same" : "no channel"}`, async () => {
        const sfu = await broken({ kind: "lie", lie });
        const { status, body } = await join(sfu, {}, { headers: { "X-Forwarded-Host": "127.0.0.1:1" } });
        expect(status).to.equal(200);
        expect(isChannelOf(sfu, body)).to.equal(isTrue);
        expect(sfu.channels, "it was made").to.have.length(1);
        expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("status", 200);
        expect(sfu.requests.map(({ fault }) => fault)).to.deep.equal(["lie", null]);
      });
    }

    it("never says a word where it refuses", async () => {
      const sfu = await broken({ kind: "lie", lie: "uuid_null" });
      expect(await ask(sfu, { path: "/v1/channel" })).to.deep.include({ status: 401, body: "" });
    });

    for (const lie of statsLieNames) {
      it(`${lie}: no statistics, and channels as ever`, async () => {
        const sfu = await broken({ kind: "lie", lie });
        channelOf(await join(sfu));
        const { status, body } = await ask(sfu, { path: "/v1/stats" });
        expect(status).to.equal(200);
        expect(areStats(body)).to.be.false;
      });
    }
  });

  for (const by of ["gzip", "deflate", "br"] as const) {
    it(`compressed: ${by}, a megabyte in a few kilobytes`, async () => {
      const sfu = await broken({ kind: "compressed", by });
      const response = await fetch(`${sfu.address}/v1/channel`, { headers: { Authorization: `Bearer ${TOKEN}` } });
      expect(response.headers.get("content-encoding")).to.equal(by);
      // fetch decompresses what it gets, asked for or not.
      const body = await response.text();
      expect(body).to.have.length(1024 * 1024);
      expect(JSON.parse(body)).to.have.all.keys("uuid", "url");
      expect(sfu.traffic.bytesSent).to.be.below(8 * 1024);
    });
  }

  it("unasked, first: an answer before any request", async () => {
    const sfu = await broken({ kind: "unasked", when: "first" });
    const caller = await callRaw(sfu.address);
    await until(() => caller.received().endsWith('{"result":"ok"}'));
    expect(caller.received()).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(sfu.requests).to.be.empty;
    caller.socket.destroy();
  });

  it("unasked, later: another answer after the proper one, on the same connection", async () => {
    const { clock, elapse, pending } = manualClock();
    const sfu = await broken({ kind: "unasked", when: "later", delayMs: 50 }, { clock });
    const caller = await callRaw(sfu.address, REQUEST);
    await until(() => pending() === 1 && caller.received().includes(sfu.channels[0]?.uuid ?? "?"));
    elapse(49);
    expect(caller.received()).not.to.contain(UNASKED_UUID);
    elapse(1);
    await until(() => caller.received().endsWith("}") && caller.received().includes(UNASKED_UUID));
    expect(caller.received().match(/HTTP\/1\.1 200/g)).to.have.length(2);
    expect(sfu.traffic).to.include({ connections: 1, open: 1 });
    caller.socket.destroy();
  });
});

/** A careful reader's judgement, made apart from the gateway's. */
function isChannelOf(sfu: SimulatedSfu, body: string): boolean {
  try {
    const { uuid, url } = JSON.parse(body.replace(/^\ufeff/, "")) as { uuid?: unknown; url?: unknown };
    return uuid === sfu.channels[0]!.uuid && url === "http://127.0.0.1:1";
  } catch {
    return false;
  }
}

function areStats(body: string): boolean {
  if (body.length > 1024 * 1024) return false;
  const stats: unknown = JSON.parse(body);
  return (
    Array.isArray(stats) &&
    stats.every((channel: { sessionsStats?: { count?: unknown } } | null) =>
      /^\d{1,6}$/.test(typeof channel?.sessionsStats?.count === "number" ? String(channel.sessionsStats.count) : ""),
    )
  );
}
