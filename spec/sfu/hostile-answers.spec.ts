import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { SFU_FAILURES, SfuError, type SfuFailure } from "../../lib/errors.ts";
import type { Channel } from "../../lib/sfu/channel.ts";
import { createSfuClient, type SfuClient } from "../../lib/sfu/client.ts";
import {
  channelLieNames,
  type Fault,
  oddTruths,
  type SimulatedSfu,
  statsLieNames,
  UNASKED_UUID,
  type WireTrick,
  wireTricks,
} from "../../lib/simulator/sfu.ts";
import { createExchange } from "../../lib/sfu/exchange.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf } from "../support/tokens.ts";
import { TRANSPORTS } from "../support/transports.ts";

/** Nothing that ends by itself takes so long. */
const AMPLE_MS = 5000;
const SHORT_MS = 100;

/** What the system holds back of a flood for a reader who has gone; unbounded it would be hundreds of megabytes. */
const MOST_BYTES = 12 * 1024 * 1024;

/** What a join makes of it. The few that fail as `timeout` are those in which the SFU goes silent half-way. */
const FAILURES: Readonly<Record<WireTrick, SfuFailure | "channel">> = {
  interim_100_flood: "garbage",
  interim_102_flood: "garbage",
  interim_103_flood: "garbage",
  interim_few: "channel",
  blank_lines_endless: "too_large",
  status_line_endless: "too_large",
  header_vast: "too_large",
  header_endless: "too_large",
  headers_many: "too_large",
  headers_endless: "too_large",
  header_folded: "garbage",
  header_with_nul: "garbage",
  chunk_without_size: "garbage",
  chunk_negative: "garbage",
  chunk_beyond_numbers: "garbage",
  chunk_vast: "timeout",
  chunk_zeros_endless: "too_large",
  chunk_extension_few: "channel",
  chunk_extension_endless: "too_large",
  chunk_extensions_endless: "too_large",
  chunks_tiny_endless: "too_large",
  chunks_unfinished: "timeout",
  chunks_compressed: "garbage",
  length_too_large: "timeout",
  length_too_large_closed: "reset",
  length_too_small: "garbage",
  length_twice: "garbage",
  length_negative: "garbage",
  length_beyond_numbers: "garbage",
  length_beside_chunks: "garbage",
  cut_before_anything: "reset",
  cut_in_status_line: "reset",
  cut_in_headers: "reset",
  cut_before_body: "reset",
  cut_in_body: "reset",
  cut_in_body_without_length: "garbage",
  cut_in_chunk: "reset",
  cut_before_last_chunk: "reset",
  trailers_few: "channel",
  trailer_endless: "too_large",
  trailers_endless: "too_large",
  tail_of_garbage: "garbage",
  second_answer_at_once: "channel",
  no_head: "garbage",
  bare_line_feeds: "garbage",
  ssh_banner: "garbage",
  http2_frames: "garbage",
  nuls_endless: "garbage",
  status_000: "garbage",
  status_101: "garbage",
  status_101_and_an_answer: "garbage",
  status_204_with_body: "garbage",
  status_204_and_an_answer: "garbage",
  status_205_with_body: "garbage",
  status_206: "garbage",
  status_304_with_body: "garbage",
  status_304_and_an_answer: "redirect",
  status_999: "status_5xx",
};

/** What somebody reads at night, of those that no other spec has. */
const SENTENCES: Partial<Readonly<Record<WireTrick, string>>> = {
  interim_103_flood: "sent one interim answer (1xx) after another in place of an answer",
  chunk_zeros_endless: "sent far more around its answer than an answer needs",
  header_vast: "answered with headers over 16 KB (HPE_HEADER_OVERFLOW)",
  trailers_endless: "answered with headers over 16 KB (HPE_HEADER_OVERFLOW)",
  status_101_and_an_answer: "answered with a switch to another protocol",
  no_head: "answered with something that is not HTTP (HPE_INVALID_CONSTANT)",
};

for (const [name, transport] of TRANSPORTS) {
  describe(`the SFU client and a hostile SFU, by ${name}`, () => {
    const start = useSimulatedSfus();
    let client: SfuClient;
    beforeEach(() => {
      client = createSfuClient(systemClock, createExchange({ transport }));
    });
    afterEach(() => client.close());

    const broken = async (fault: Fault): Promise<SimulatedSfu> => {
      const sfu = await start();
      await sfu.break(fault);
      return sfu;
    };
    const join = (sfu: SimulatedSfu, iss = "room", timeoutMs = AMPLE_MS): Promise<Channel> => {
      const payload = Buffer.from(JSON.stringify(claimsOf(iss)));
      const request = { payload, query: "", callerAddress: "203.0.113.7", requestId: "request-1" };
      return client.join(sfuOf(1, { address: sfu.address }), request, { timeoutMs });
    };
    const outcome = async (attempt: Promise<unknown>): Promise<unknown> => attempt.catch((error: unknown) => error);

    for (const trick of wireTricks) {
      const failure = FAILURES[trick];
      const timeoutMs = failure === "timeout" ? SHORT_MS : AMPLE_MS;

      it(`takes ${trick} for ${failure}, reads no more than it must and keeps no connection to it`, async () => {
        const sfu = await broken({ kind: "wire", trick });
        const result = await outcome(join(sfu, "room", timeoutMs));
        if (failure === "channel") {
          expect(result).to.deep.equal({ uuid: sfu.channels[0]!.uuid, url: sfu.address });
        } else {
          expect(result).to.be.instanceOf(SfuError).and.include({ failure });
        }
        if (SENTENCES[trick] !== undefined) expect(result).to.have.property("message", SENTENCES[trick]);
        expect(sfu.requests, "it is asked once").to.have.length(1);
        expect(sfu.traffic.bytesSent).to.be.below(MOST_BYTES);
        await eventually("the connection is closed", () => sfu.traffic.open === 0);
      });

      it(`comes to an end with ${trick}, whatever it asks`, async () => {
        const sfu = await broken({ kind: "wire", trick });
        const entry = sfuOf(1, { address: sfu.address });
        const request = { payload: Buffer.from('{"sessionIdsByChannel":{}}'), callerAddress: "::1", requestId: "r" };
        const bounds = { timeoutMs: SHORT_MS * 5 };
        const results = await Promise.all([
          outcome(client.noop(entry, bounds)),
          outcome(client.stats(entry, bounds)),
          outcome(client.checkKey(entry, bounds)),
          outcome(client.disconnect(entry, request, bounds)),
        ]);
        const errors = results.filter((result) => result !== undefined && !isStats(result));
        for (const error of errors) {
          expect(error).to.be.instanceOf(SfuError);
          expect(SFU_FAILURES).to.include((error as SfuError).failure);
        }
        const [noop, stats, key] = results;
        if (failure === "channel") expect([noop, isStats(stats)]).to.deep.equal([undefined, true]);
        // None of them answers 403, so nobody's key is accepted.
        expect(key).to.be.instanceOf(SfuError);
        expect(sfu.traffic.bytesSent).to.be.below(4 * MOST_BYTES);
      });
    }

    const isStats = (result: unknown): boolean => typeof result === "object" && result !== null && "sessions" in result;

    for (const lie of channelLieNames) {
      if (oddTruths.includes(lie)) {
        it(`takes ${lie} for the channel that it is`, async () => {
          const sfu = await broken({ kind: "lie", lie });
          expect(await join(sfu)).to.deep.equal({ uuid: sfu.channels[0]!.uuid, url: sfu.address });
        });
      } else {
        const failure: SfuFailure = lie.endsWith("_vast") ? "too_large" : "garbage";
        it(`takes ${lie} for ${failure}, and repeats nothing of it`, async () => {
          const sfu = await broken({ kind: "lie", lie });
          const error = await outcome(join(sfu));
          expect(error).to.be.instanceOf(SfuError).and.include({ failure });
          const { message } = error as SfuError;
          expect(message).to.match(
            /^answered (200 with (a body that is not JSON|JSON (that is not \{uuid, url\}|whose (uuid|url) is no .*))|with more than 64 KB)$/,
          );
          expect(message.length).to.be.below(150);
        });
      }
    }

    for (const by of ["gzip", "deflate", "br"] as const) {
      it(`decompresses nothing that is compressed by ${by}, and says that it is`, async () => {
        const sfu = await broken({ kind: "compressed", by, bytes: 50 * 1024 * 1024 });
        const sentence = "answered with a compressed body, which was not asked for";
        expect(await outcome(join(sfu))).to.include({ failure: "garbage", message: sentence });
        const stats = await outcome(client.stats(sfuOf(1, { address: sfu.address }), { timeoutMs: AMPLE_MS }));
        expect(stats).to.include({ failure: "garbage", message: sentence });
      });
    }

    for (const lie of statsLieNames) {
      it(`takes ${lie} for no statistics`, async () => {
        const sfu = await broken({ kind: "lie", lie });
        const error = await outcome(client.stats(sfuOf(1, { address: sfu.address }), { timeoutMs: AMPLE_MS }));
        expect(error)
          .to.be.instanceOf(SfuError)
          .and.include({ failure: lie === "stats_vast" ? "too_large" : "garbage" });
      });
    }

    describe("that answers what nobody has asked", () => {
      for (const delayMs of [0, 5]) {
        it(`gets its next request over another connection where it does so ${String(delayMs)} ms later`, async () => {
          const sfu = await broken({ kind: "unasked", when: "later", delayMs });
          for (let number = 1; number <= 10; number++) {
            const { uuid } = await join(sfu, `room ${String(number)}`);
            expect(uuid).to.not.equal(UNASKED_UUID);
            expect(sfu.channels.find(({ iss }) => iss === `room ${String(number)}`)).to.have.property("uuid", uuid);
            await eventually("the connection is closed", () => sfu.traffic.open === 0);
          }
          expect(sfu.traffic.connections).to.equal(10);
        });
      }

      it("gets no connection twice for ten minutes: the next such answer might come while a request is under way", async () => {
        const clock = { ...systemClock, monotonic: () => nowMs };
        let nowMs = 1000;
        client.close();
        client = createSfuClient(systemClock, createExchange({ transport, clock }));
        const sfu = await broken({ kind: "unasked", when: "later", delayMs: 5 });
        await join(sfu, "room 1");
        await eventually("the connection is closed", () => sfu.traffic.open === 0);
        await sfu.heal();
        await join(sfu, "room 2");
        nowMs += 599_000;
        await join(sfu, "room 3");
        nowMs += 2000;
        await join(sfu, "room 4");
        await join(sfu, "room 5");
        await join(sfu, "room 6");
        expect(sfu.requests.map(({ headers }) => headers.connection)).to.deep.equal([
          ...["keep-alive", "close", "close", "keep-alive", "keep-alive", "keep-alive"],
        ]);
        // That of room 4 is not kept either, for nobody had asked for so long.
        expect(sfu.traffic).to.include({ connections: 5, open: 1 });
      });

      it("is told from one that closes an idle connection, or resets it", async () => {
        const sfu = await start();
        for (const how of ["close", "reset"] as const) {
          await join(sfu, "room 1");
          sfu.hangUp(how);
          await eventually("the connection is closed", () => sfu.traffic.open === 0);
        }
        await join(sfu, "room 1");
        expect(sfu.requests.map(({ headers }) => headers.connection)).to.deep.equal(Array(3).fill("keep-alive"));
      });

      it("has said nothing where it did so before it was asked: the answer is not a channel", async () => {
        const sfu = await broken({ kind: "unasked", when: "first" });
        expect(await outcome(join(sfu))).to.include({ failure: "garbage" });
      });
    });

    it("hands nobody an answer that comes after the time, and keeps no connection for it", async () => {
      const sfu = await broken({ kind: "slow", delayMs: 150 });
      expect(await outcome(join(sfu, "room 1", 50))).to.include({ failure: "timeout" });
      await eventually("the connection is closed", () => sfu.traffic.open === 0);
      await eventually("it has come, to nobody", () => sfu.channels.length === 1);
      await sfu.heal();
      const { uuid } = await join(sfu, "room 2");
      expect(uuid).to.equal(sfu.channels.find(({ iss }) => iss === "room 2")!.uuid);
      expect(sfu.traffic.connections).to.equal(2);
    });
  });
}
