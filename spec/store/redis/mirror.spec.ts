import { expect } from "chai";
import { loopTurn, systemClock } from "../../../lib/clock.ts";
import { MAX_ASSIGNMENTS } from "../../../lib/store/memory.ts";
import { createMirror, type Identified, type Mirror, type Mirrored } from "../../../lib/store/redis/mirror.ts";
import { useFakeClock } from "../../support/clock.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";
const HOUR_MS = 3_600_000;

describe("what a gateway remembers of assignments", () => {
  const clock = useFakeClock();
  let mirror: Mirror;
  beforeEach(() => {
    mirror = createMirror(clock);
  });

  const own = (ttlMs = HOUR_MS, address = A): Mirrored => ({
    address,
    untilMs: clock.monotonic() + ttlMs,
    isOwn: true,
    isPending: false,
    before: null,
  });
  const walk = async (of: Mirror, atOnce = 2): Promise<readonly (readonly Identified[])[]> => {
    const all: (readonly Identified[])[] = [];
    for await (const some of of.own(() => true, atOnce)) all.push(some);
    return all;
  };

  it("is gone ten minutes after the last word of it, and no sooner than at twice its time", async () => {
    mirror.set("short", own(1000));
    mirror.set("long", own(HOUR_MS));
    expect(mirror.size()).to.equal(2);
    await clock.elapse(599_999);
    expect([mirror.get("short")?.address, mirror.size()]).to.deep.equal([A, 1]);
    await clock.elapse(1);
    expect(mirror.get("short")).to.equal(null);
    await clock.elapse(2 * HOUR_MS - 600_001);
    expect([mirror.get("long")?.address, mirror.size()]).to.deep.equal([A, 0]);
    await clock.elapse(1);
    expect(mirror.get("long")).to.equal(null);
  });

  it("is handed out as it is when it is its turn: what is this gateway's, and not over, the newest first", async () => {
    for (const id of ["1", "2", "3", "4"]) mirror.set(id, own());
    mirror.set("over", own(0));
    mirror.set("another's", { ...own(), isOwn: false });
    mirror.set("2", own());
    const batches = await walk(mirror);
    expect(batches.map((some) => some.map(([id]) => id))).to.deep.equal([
      ["2", "4"],
      ["3", "1"],
    ]);
    const seen: Mirrored[] = [];
    for await (const some of mirror.own(() => true, 1)) {
      seen.push(...some.map(([, mirrored]) => mirrored));
      if (seen.length === 1) mirror.set("4", own(HOUR_MS, B));
    }
    expect(seen.map(({ address }) => address)).to.deep.equal([A, B, A, A]);
  });

  it("is bounded, what was set longest ago goes first, and nobody waits while it is walked through", async () => {
    const full = createMirror(systemClock);
    const mirrored = { ...own(), untilMs: systemClock.monotonic() + HOUR_MS };
    for (let number = 0; number < MAX_ASSIGNMENTS; number++) full.set(String(number), mirrored);
    full.set("0", mirrored);
    full.set("one more", mirrored);
    expect(full.size()).to.equal(MAX_ASSIGNMENTS);
    expect(["0", "1", "2"].map((id) => full.get(id)?.address)).to.deep.equal([A, undefined, A]);
    const began = loopTurn();
    const [walked] = await walk(full, MAX_ASSIGNMENTS);
    const turns = loopTurn() - began;
    expect(walked).to.have.length(MAX_ASSIGNMENTS);
    expect(turns).to.be.at.least(100);
  });
});
