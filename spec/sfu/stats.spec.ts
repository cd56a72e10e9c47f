import { expect } from "chai";
import { inspect } from "node:util";
import { systemClock } from "../../lib/clock.ts";
import { SfuError } from "../../lib/errors.ts";
import { MAX_STATS_BYTES, ORDINARY_SIZE, parseStats, type Stats } from "../../lib/sfu/stats.ts";

const read = (json: unknown): Stats => parseStats(Buffer.from(JSON.stringify(json)));

const UUID = "31dcc5dc-4d26-453e-9bca-ab1f5d268303";

/** One channel as odoo/sfu and o-sfu tell it. */
const channel = (count: unknown, more: object = {}): object => ({
  createDate: "2026-01-05T08:30:00.000Z",
  uuid: UUID,
  remoteAddress: "192.0.2.1",
  sessionsStats: {
    incomingBitRate: { audio: 5, camera: 700, screen: 0, total: 705 },
    count,
    cameraCount: 1,
    screenCount: 0,
  },
  webRtcEnabled: true,
  ...more,
});

function refusal(body: Uint8Array): SfuError {
  try {
    parseStats(body);
  } catch (error) {
    expect(error).to.be.instanceOf(SfuError);
    return error as SfuError;
  }
  expect.fail("it was taken");
}

describe("the statistics of an SFU", () => {
  it("are its sessions and its channels", () => {
    expect(read([channel(3), channel(0), channel(5)])).to.deep.equal({
      sessions: 8,
      channels: 3,
      ordinarySessions: 8,
      uuids: [UUID, UUID, UUID],
    });
  });

  it("are nothing where it has no channel", () => {
    expect(read([])).to.deep.equal({ sessions: 0, channels: 0, ordinarySessions: 0, uuids: [] });
  });

  it("count none of the channels for more than an ordinary one, beside all of its sessions", () => {
    expect(read([channel(2), channel(ORDINARY_SIZE), channel(3000)])).to.include({
      sessions: 2 + ORDINARY_SIZE + 3000,
      channels: 3,
      ordinarySessions: 2 + 2 * ORDINARY_SIZE,
    });
  });

  it("need no more of a channel than how many are in it", () => {
    expect(read([{ sessionsStats: { count: 4 } }])).to.deep.include({ sessions: 4, channels: 1, uuids: [] });
    expect(read([channel(4, { sessionsStats: { count: 4, incomingBitRate: null } })])).to.include({ sessions: 4 });
  });

  it("have uuids like those of channels that are answered, and count a channel without one all the same", () => {
    const odd = [null, 7, "", {}, ["x"], "x".repeat(257), "x\n"].map((uuid) => channel(1, { uuid }));
    const uuids = ["x".repeat(256), "__proto__"];
    const read2 = read([...odd, ...uuids.map((uuid) => channel(1, { uuid }))]);
    expect(read2).to.deep.equal({ sessions: 9, channels: 9, ordinarySessions: 9, uuids });
  });

  it("may have anything beside it", () => {
    const odd = `[{"__proto__":{"sessionsStats":{"count":9}},"sessionsStats":{"count":4,"count2":[]},"more":{"a":[1]}}]`;
    expect(parseStats(Buffer.from(odd))).to.include({ sessions: 4, channels: 1 });
  });

  it("may be as long as a large SFU's", () => {
    const uuids = Array.from({ length: 2001 }, (_, index) => `channel ${String(index)}`);
    const channels = uuids.map((uuid, index) => channel(index % 7, { uuid }));
    const sessions = channels.reduce((sum: number, _, index) => sum + (index % 7), 0);
    expect(read(channels)).to.deep.equal({ sessions, channels: 2001, ordinarySessions: sessions, uuids });
  });

  it("may have a byte order mark and blanks around them", () => {
    expect(parseStats(Buffer.from(`\ufeff ${JSON.stringify([channel(1)])} \n`))).to.include({ sessions: 1 });
  });

  const garbled: readonly (readonly [what: string, body: string | Buffer])[] = [
    ["nothing", ""],
    ["half of a list", '[{"sessionsStats":{"count":4}'],
    ["a page", "<html><body>502 Bad Gateway</body></html>"],
    ["invalid UTF-8", Buffer.from([0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d])],
    ["NaN", '[{"sessionsStats":{"count":NaN}}]'],
  ];
  for (const [what, body] of garbled) {
    it(`are garbage where they are ${what}`, () => {
      const error = refusal(Buffer.from(body));
      expect(error).to.include({ failure: "garbage", status: 200 });
      expect(error.message).to.equal("answered its statistics with a body that is not JSON");
    });
  }

  const misshapen: readonly (readonly [what: string, json: unknown])[] = [
    ["null", null],
    ["a number", 7],
    ["a text", "[]"],
    ["an object", { sessionsStats: { count: 4 } }],
    ["a list of lists", [[]]],
    ["a list with null in it", [channel(1), null]],
    ["channels without statistics", [{ uuid: "x" }]],
    ["channels with statistics of null", [channel(1, { sessionsStats: null })]],
    ["channels without a count", [{ sessionsStats: {} }]],
    ["counts that are text", [channel("4")]],
    ["counts that are null", [channel(null)]],
    ["counts below 0", [channel(-1)]],
    ["counts that are no whole numbers", [channel(1.5)]],
    ["counts beyond belief", [channel(1_000_001)]],
    ["counts beyond all numbers", [channel(1), { sessionsStats: { count: Number.MAX_VALUE } }]],
    ["one odd channel among good ones", [...Array.from({ length: 50 }, () => channel(2)), channel("x")]],
  ];
  for (const [what, json] of misshapen) {
    it(`are garbage where they are ${what}`, () => {
      const error = refusal(Buffer.from(JSON.stringify(json)));
      expect(error).to.include({ failure: "garbage", status: 200 });
      expect(error.message).to.equal("answered its statistics with JSON that is not a list of channels");
    });
  }

  const bombs: readonly (readonly [what: string, body: string])[] = [
    ["lists and no more", `[${"[],".repeat(1_000_000)}[]]`],
    ["objects and no more", `[${"{},".repeat(1_000_000)}{}]`],
    ["numbers and no more", `[${"0,".repeat(1_000_000)}0]`],
    ["lists in lists", "[".repeat(1_500_000) + "]".repeat(1_500_000)],
    [
      "a good channel with lists in lists beside it",
      `[{"sessionsStats":{"count":1},"uuid":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}]`,
    ],
  ];
  for (const [what, body] of bombs) {
    it(`are garbage where they are ${what}, which takes no time to find out`, () => {
      const bytes = Buffer.from(body);
      const beganMs = systemClock.monotonic();
      expect(refusal(bytes).message).to.equal("answered its statistics with JSON that is not a list of channels");
      // A schema that lists every fault took seconds for each of these.
      expect(systemClock.monotonic() - beganMs).to.be.below(1000);
    });
  }

  it("may be as large as they may be, and as terse as can be", () => {
    const row = '{"sessionsStats":{"count":1}}';
    const count = Math.floor(MAX_STATS_BYTES / (row.length + 1)) - 1;
    expect(parseStats(Buffer.from(`[${`${row},`.repeat(count)}${row}]`))).to.include({ sessions: count + 1 });
  });

  it("are repeated in no error", () => {
    for (const body of ["TheSecretRoom", '[{"TheSecretRoom":1}]', '[{"sessionsStats":{"count":"TheSecretRoom"}}]']) {
      expect(inspect(refusal(Buffer.from(body)), { depth: Infinity, showHidden: true })).not.to.include("TheSecret");
    }
  });
});
