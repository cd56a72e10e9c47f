import { expect } from "chai";
import fc from "fast-check";
import { FILLING_MS } from "../../../lib/balancing/ledger.ts";
import { ORDINARY_SIZE } from "../../../lib/sfu/stats.ts";
import { openDesk } from "../../balancing/harness.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds, upTo } from "../property.ts";

type Step =
  | { readonly what: "leave" | "join"; readonly sfu: number }
  /** Where it has an age, another gateway has placed it. */
  | { readonly what: "claim"; readonly sfu: number; readonly ageMs: number }
  /** May be one that has been taken back, or has left with its SFU. */
  | { readonly what: "take back"; readonly claim: number }
  | { readonly what: "report"; readonly sfu: number; readonly ageMs: number; readonly channels: number }
  | { readonly what: "elapse"; readonly ms: number };

const sfu = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("claim" as const),
      sfu,
      ageMs: fc.oneof(fc.constant(0), fc.nat(3000), fc.nat(FILLING_MS - 1)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("take back" as const), claim: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("report" as const),
      sfu,
      ageMs: fc.oneof(fc.nat(2000), fc.nat(2 * FILLING_MS)),
      channels: fc.nat(5),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant("elapse" as const), ms: fc.oneof(fc.nat(5), fc.nat(40_000)) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom("leave" as const, "join" as const), sfu }) },
);

/** As the ledger is described: a list of all that was placed, looked through anew each time. */
interface Claim {
  readonly sfu: number;
  readonly atMs: number;
  /** Nothing has become of it, or its SFU has left since. */
  isVoid: boolean;
  hasLeft: boolean;
  /** Whether a report has come that shows it. */
  isShown: boolean;
  readonly takeBack: () => void;
}

interface Reported {
  readonly atMs: number;
  readonly channels: number;
  /** How much was missing of the conferences that it shows, in whole ones. */
  readonly toCome: number;
}

describe("the ledger, whatever is claimed, taken back and reported", () => {
  const clock = useFakeClock();

  holds(
    "counts each conference from its claim on, until it is taken back, or shown by a report, or full",
    400,
    fc.asyncProperty(upTo(60, step), async (steps) => {
      const fleet = [sfuOf(1), sfuOf(2)];
      const { ledger, registry, report } = openDesk(clock, fleet);
      const claims: Claim[] = [];
      const present = fleet.map(() => true);
      const reports: (Reported | null)[] = fleet.map(() => null);

      const placedOn = (index: number, fromMs: number): Claim[] =>
        claims.filter((claim) => claim.sfu === index && !claim.isVoid && claim.atMs > fromMs);
      const takenBack = new Set<Claim>();
      const takeBack = (claim: Claim): void => {
        claim.takeBack();
        if (takenBack.has(claim)) return;
        takenBack.add(claim);
        // Of several that were placed in the same millisecond one is as good as another.
        const alike = claims.findLast((one) => one.sfu === claim.sfu && one.atMs === claim.atMs && !one.isVoid);
        if (!claim.hasLeft && alike !== undefined) alike.isVoid = true;
      };
      const show = (index: number, { atMs, channels }: Pick<Reported, "atMs" | "channels">): void => {
        // What has filled by now is done with, also for a report that is older.
        const shown = placedOn(index, clock.monotonic() - FILLING_MS).filter((claim) => claim.atMs <= atMs);
        for (const claim of shown) claim.isShown = true;
        const missing = shown.reduce((sum, claim) => sum + 1 - (atMs - claim.atMs) / FILLING_MS, 0);
        reports[index] = { atMs, channels, toCome: Math.min(missing, channels) };
      };
      const run = async (one: Step): Promise<void> => {
        const nowMs = clock.monotonic();
        switch (one.what) {
          case "claim":
            claims.push({
              sfu: one.sfu,
              atMs: nowMs - one.ageMs,
              isVoid: !present[one.sfu]!,
              hasLeft: !present[one.sfu]!,
              isShown: false,
              takeBack: ledger.claim(fleet[one.sfu]!, one.ageMs),
            });
            // It should have been seen to when the report came.
            if (one.ageMs > 0 && nowMs - one.ageMs <= (reports[one.sfu]?.atMs ?? -Infinity)) {
              show(one.sfu, reports[one.sfu]!);
            }
            return;
          case "take back":
            if (claims[one.claim] !== undefined) takeBack(claims[one.claim]!);
            return;
          case "report": {
            const atMs = nowMs - one.ageMs;
            report(fleet[one.sfu]!, { atMs, channels: one.channels, sessions: 3 * one.channels });
            // The registry keeps the younger one.
            if (!present[one.sfu] || atMs < (reports[one.sfu]?.atMs ?? -Infinity)) return;
            show(one.sfu, { atMs, channels: one.channels });
            return;
          }
          case "elapse":
            return clock.elapse(one.ms);
          case "leave":
            registry.remove(fleet[one.sfu]!.address, "static");
            for (const claim of claims) if (claim.sfu === one.sfu) claim.isVoid = claim.hasLeft = true;
            present[one.sfu] = false;
            reports[one.sfu] = null;
            return;
          case "join":
            registry.put(fleet[one.sfu]!);
            present[one.sfu] = true;
        }
      };

      for (const one of steps) {
        await run(one);
        const told = reports.filter((each) => each !== null);
        const filled = told.reduce((sum, { channels, toCome }) => sum + channels - toCome, 0);
        const sessions = told.reduce((sum, { channels }) => sum + Math.min(3, ORDINARY_SIZE) * channels, 0);
        expect(ledger.averageSize()).to.be.closeTo((4 * 30 + sessions) / (30 + filled), 1e-6);
        fleet.forEach((each, index) => {
          const young = placedOn(index, clock.monotonic() - FILLING_MS);
          const since = young.filter(({ isShown }) => !isShown).length;
          const filling = Math.min(reports[index]?.toCome ?? 0, young.length - since);
          expect(ledger.placedSinceReport(each), JSON.stringify(one)).to.equal(since);
          const expected = (since + filling) * ledger.averageSize();
          expect(ledger.expectedSessions(each), JSON.stringify(one)).to.be.closeTo(expected, 1e-6);
        });
      }
    }),
  );
});
