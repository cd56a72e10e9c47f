import { expect } from "chai";
import { failoverReport } from "../../lib/api/dashboard.ts";
import { SfuError } from "../../lib/errors.ts";
import { type AttemptEvent, type ChannelRequestEvent, Events } from "../../lib/events.ts";
import { type RecentFailovers, recentFailovers } from "../../lib/http/recent-failovers.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

const [FIRST, SECOND] = [sfuOf(1), sfuOf(2)] as const;

describe("recent failovers", () => {
  const clock = useFakeClock();
  let events: Events;
  let recent: RecentFailovers;

  beforeEach(() => {
    events = new Events();
    recent = recentFailovers(clock, events, 3);
  });

  const attempt = (error: SfuError | null, sfu = error === null ? SECOND : FIRST): AttemptEvent => {
    return { requestId: "r", sfu, durationMs: error === null ? 4.04 : 832.96, error };
  };
  const LATE = new SfuError("timeout", "did not answer within 833 ms");

  /** A call that the second SFU served after the first had failed, unless it says otherwise. */
  const end = (parts: Partial<ChannelRequestEvent> = {}): void => {
    events.emit("channelRequest", {
      requestId: "r",
      outcome: "ok",
      status: 200,
      durationMs: 839.26,
      conference: "1f1c5b2fad77",
      region: "eu-west-3",
      country: "FR",
      callerAddress: "192.0.2.7",
      servedBy: SECOND,
      coalesced: false,
      attempts: [attempt(LATE), attempt(null)],
      error: null,
      ...parts,
    });
  };

  it("tell who failed, why, who served it and how long it took", () => {
    end();
    expect(recent.all()).to.deep.equal([
      {
        id: "1",
        at: "2026-01-05T08:30:00.000Z",
        outcome: "ok",
        ms: 839.3,
        attempts: [
          { sfu: FIRST.address, failure: "timeout", message: "did not answer within 833 ms", ms: 833 },
          { sfu: SECOND.address, failure: null, message: null, ms: 4 },
        ],
        servedBy: SECOND.address,
      },
    ]);
    expect(failoverReport.strict().safeParse(recent.all()[0]).success).to.be.true;
  });

  it("tell neither the conference nor the caller nor what he wanted", () => {
    end({ requestId: "the-id" });
    const text = JSON.stringify(recent.all());
    for (const secret of ["1f1c5b2fad77", "192.0.2.7", "eu-west-3", "FR", "the-id"]) {
      expect(text).not.to.contain(secret);
    }
  });

  it("are none where the first SFU served, none was asked, or the request was refused", () => {
    end({ attempts: [attempt(null)] });
    end({ attempts: [], outcome: "no_sfu_available", servedBy: null });
    end({ attempts: [], outcome: "invalid_token", servedBy: null });
    end({ attempts: [attempt(new SfuError("status_4xx", "answered 409", 409))], outcome: "refused_by_sfu" });
    expect(recent.all()).to.deep.equal([]);
  });

  it("are those as well that ended without a channel, with one attempt, too", () => {
    end({ attempts: [attempt(LATE)], outcome: "all_candidates_failed", servedBy: null });
    end({ attempts: [attempt(LATE), attempt(LATE)], outcome: "caller_gone", servedBy: null });
    expect(recent.all().map(({ outcome, servedBy }) => [outcome, servedBy])).to.deep.equal([
      ["caller_gone", null],
      ["all_candidates_failed", null],
    ]);
  });

  it("are one for all members who shared the attempts, by the best that any of them got", () => {
    const attempts = [attempt(LATE), attempt(null)];
    end({ attempts, outcome: "caller_gone", servedBy: null });
    end({ attempts, coalesced: true });
    end({ attempts, coalesced: true, outcome: "caller_gone", servedBy: null });
    end();
    expect(recent.all().map(({ id, outcome }) => [id, outcome])).to.deep.equal([
      ["2", "ok"],
      ["1", "ok"],
    ]);
  });

  it("are the last ones only, newest first", async () => {
    for (let count = 0; count < 5; count++) {
      end();
      await clock.elapse(1000);
    }
    expect(recent.all().map(({ id, at }) => `${id} ${at.slice(17, 19)}`)).to.deep.equal(["5 04", "4 03", "3 02"]);
    expect(recent.limit).to.equal(3);
  });
});
