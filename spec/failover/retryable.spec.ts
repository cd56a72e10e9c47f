import { expect } from "chai";
import { GatewayError, SFU_FAILURES, SfuError, type SfuFailure } from "../../lib/errors.ts";
import { judge, type Judgement } from "../../lib/failover/retryable.ts";

const NEXT_AND_SFU: Judgement = { then: "next", blame: "sfu" };
const NEXT_AND_UNSURE: Judgement = { then: "next", blame: "unsure" };
const STOP_AND_REQUEST: Judgement = { then: "stop", blame: "request" };
const STOP_AND_NOBODY: Judgement = { then: "stop", blame: "nobody" };

describe("retryable", () => {
  const table: readonly (readonly [SfuFailure, number | null, Judgement])[] = [
    ["refused", null, NEXT_AND_SFU],
    ["reset", null, NEXT_AND_SFU],
    ["timeout", null, NEXT_AND_SFU],
    ["dns", null, NEXT_AND_SFU],
    ["tls", null, NEXT_AND_SFU],
    ["unreachable", null, NEXT_AND_SFU],
    ["redirect", 302, NEXT_AND_SFU],
    ["garbage", 200, NEXT_AND_SFU],
    ["too_large", null, NEXT_AND_SFU],
    ["status_5xx", 500, NEXT_AND_UNSURE],
    ["status_5xx", 501, NEXT_AND_UNSURE],
    ["status_5xx", 502, NEXT_AND_SFU],
    ["status_5xx", 503, NEXT_AND_SFU],
    ["status_5xx", 504, NEXT_AND_SFU],
    ["unauthorized", 401, NEXT_AND_UNSURE],
    ["status_4xx", 400, STOP_AND_REQUEST],
    ["status_4xx", 409, STOP_AND_REQUEST],
    ["status_4xx", 403, NEXT_AND_UNSURE],
    ["status_4xx", 404, NEXT_AND_UNSURE],
    ["status_4xx", 429, NEXT_AND_UNSURE],
    ["status_4xx", 413, { then: "next", blame: "request" }],
    ["status_4xx", 414, { then: "next", blame: "request" }],
    ["status_4xx", 431, { then: "next", blame: "request" }],
    ["aborted", null, STOP_AND_NOBODY],
  ];

  it("judges a timeout that struck far too late: next, blames nobody, for the gateway itself was the slow one", () => {
    const timeout = new SfuError("timeout", "did not answer within 1000 ms");
    expect(judge(timeout, 1000, 1000)).to.deep.equal(NEXT_AND_SFU);
    expect(judge(timeout, 1250, 1000)).to.deep.equal(NEXT_AND_SFU);
    expect(judge(timeout, 1251, 1000)).to.deep.equal({ then: "next", blame: "nobody" });
    expect(judge(timeout, 90, 40)).to.deep.equal(NEXT_AND_SFU);
    expect(judge(timeout, 91, 40)).to.deep.equal({ then: "next", blame: "nobody" });
  });

  it("judges one that struck in time as little, where the gateway was too busy to hear the answer", () => {
    const timeout = new SfuError("timeout", "did not answer within 1000 ms");
    expect(judge(timeout, 1000, 1000, 250)).to.deep.equal(NEXT_AND_SFU);
    expect(judge(timeout, 1000, 1000, 251)).to.deep.equal({ then: "next", blame: "nobody" });
    const aborted = new SfuError("aborted", "…");
    expect(judge(aborted, 1500, 2000, 500)).to.deep.equal({ then: "stop", blame: "sfu" });
    expect(judge(aborted, 1500, 2000, 501)).to.deep.equal(STOP_AND_NOBODY);
  });

  for (const [failure, status, judgement] of table) {
    const what = status === null ? failure : `${failure} ${String(status)}`;
    it(`judges ${what}: ${judgement.then}, blames ${judgement.blame}`, () => {
      expect(judge(new SfuError(failure, "…", status))).to.deep.equal(judgement);
    });
  }

  it("blames an SFU that a caller has waited for a second for, though it was the caller who ended it", () => {
    const aborted = new SfuError("aborted", "…");
    expect(judge(aborted, 999)).to.deep.equal(STOP_AND_NOBODY);
    expect(judge(aborted, 1000)).to.deep.equal({ then: "stop", blame: "sfu" });
  });

  it("has a row for every failure there is", () => {
    expect(new Set(table.map(([failure]) => failure))).to.deep.equal(new Set(SFU_FAILURES));
  });

  it("never goes on after an error that no SFU caused", () => {
    for (const error of [new TypeError("a bug"), new GatewayError("internal", "…", { status: 500 }), undefined]) {
      expect(judge(error)).to.deep.equal(STOP_AND_NOBODY);
    }
  });
});
