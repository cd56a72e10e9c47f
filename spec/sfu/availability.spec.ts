import { expect } from "chai";
import { type Admission, availability, type Health, type Standing } from "../../lib/sfu/sfu.ts";

const reason = "refused the connection";
const well: Standing = {
  health: { state: "healthy", sinceMs: 0 },
  admits: "all",
  isDraining: false,
  overload: null,
};

const healths: readonly Health[] = [
  { state: "unknown", sinceMs: 0 },
  { state: "healthy", sinceMs: 0 },
  { state: "failing", sinceMs: 0, reason },
  { state: "down", sinceMs: 0, reason },
  { state: "misconfigured", sinceMs: 0, reason },
  { state: "expired", sinceMs: 0, reason },
];

describe("whether an SFU may be asked", () => {
  /** In words: the kind, and why where it is not simply available. */
  const verdictOn = (standing: Standing): string => {
    const verdict = availability(standing);
    if (verdict.kind === "available") return "available";
    if (verdict.kind === "assigned_only") return `${verdict.kind}, ${verdict.why}`;
    return `${verdict.kind}, ${verdict.why}${verdict.mayReturn ? ", may return" : ""}`;
  };

  // The whole table: whether it is drained, whether it is overloaded, and then what its breaker admits.
  const usable: readonly (readonly [isDraining: boolean, overloaded: boolean, admits: Admission, expected: string])[] =
    [
      [false, false, "all", "available"],
      [false, false, "assigned", "assigned_only, on_trial"],
      [false, false, "none", "out, breaker_open, may return"],
      [false, true, "all", "assigned_only, overloaded"],
      [false, true, "assigned", "assigned_only, on_trial"],
      [false, true, "none", "out, breaker_open, may return"],
      [true, false, "all", "assigned_only, draining"],
      [true, false, "assigned", "assigned_only, draining"],
      [true, false, "none", "out, breaker_open, may return"],
      [true, true, "all", "assigned_only, draining"],
      [true, true, "assigned", "assigned_only, draining"],
      [true, true, "none", "out, breaker_open, may return"],
    ];
  const useless: Readonly<Partial<Record<Health["state"], string>>> = {
    down: "out, down, may return",
    misconfigured: "out, misconfigured",
    expired: "out, expired",
  };

  for (const health of healths) {
    describe(`where it is ${health.state}`, () => {
      for (const [isDraining, overloaded, admits, otherwise] of usable) {
        const expected = useless[health.state] ?? otherwise;
        const circumstances = [
          isDraining ? "drained" : "not drained",
          overloaded ? "overloaded" : "not overloaded",
          `its breaker admits ${admits}`,
        ];
        it(`is '${expected}' when ${circumstances.join(", ")}`, () => {
          const overload = overloaded ? "is overloaded: cpu at 97 %, of at most 95 %" : null;
          expect(verdictOn({ health, admits, isDraining, overload })).to.equal(expected);
        });
      }
    });
  }

  it("says why, in words that go on after «it»", () => {
    const reasonOf = (parts: Partial<Standing>): string => {
      const verdict = availability({ ...well, ...parts });
      return verdict.kind === "available" ? "" : verdict.reason;
    };
    expect(reasonOf({ isDraining: true })).to.equal("is being drained");
    expect(reasonOf({ admits: "none" })).to.match(/^has failed/);
    expect(reasonOf({ admits: "assigned" })).to.match(/^has just come back/);
    const overload = "is overloaded: 1000 sessions, of at most 1000";
    expect(reasonOf({ overload })).to.equal(overload);
    for (const health of healths)
      if ("reason" in health && health.state !== "failing") expect(reasonOf({ health })).to.equal(reason);
  });
});
