import { expect } from "chai";
import fc from "fast-check";
import type { Config } from "../../../lib/config/config.ts";
import { Events } from "../../../lib/events.ts";
import { BreakerOpenError, createBreakers, type Verdict } from "../../../lib/failover/breakers.ts";
import type { TrialVerdict } from "../../../lib/sfu/sfu.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds, upTo } from "../property.ts";
import { BreakerModel } from "./model-breaker.ts";

type Step =
  | { readonly what: "begin"; readonly asLastResort: boolean }
  | { readonly what: "end"; readonly run: number; readonly verdict: Verdict }
  /** A call that is over at once. */
  | { readonly what: "call"; readonly verdict: Verdict }
  | { readonly what: "begin trial" | "trip" | "pardon" }
  | { readonly what: "end trial"; readonly verdict: TrialVerdict }
  | { readonly what: "elapse"; readonly ms: number };

const verdict = fc.constantFrom<Verdict>("fine", "fault", "fault", "nothing");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("call" as const), verdict }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("begin" as const), asLastResort: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("end" as const), run: fc.nat(12), verdict }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("end trial" as const),
      verdict: fc.constantFrom<TrialVerdict>("fine", "fault", "undecided"),
    }),
  },
  { weight: 9, arbitrary: fc.constantFrom<Step>({ what: "begin trial" }, { what: "trip" }, { what: "pardon" }) },
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constant("elapse" as const), ms: fc.oneof(fc.nat(300), fc.nat(6000)) }),
  },
);

const settings: fc.Arbitrary<Config["breaker"]> = fc.record({
  errorThresholdPercent: fc.integer({ min: 1, max: 100 }),
  minimumRequests: fc.integer({ min: 1, max: 6 }),
  windowMs: fc.constantFrom(1000, 10_000),
  resetTimeoutMs: fc.constantFrom(1, 777, 5000),
});

describe("a breaker, whatever happens to its SFU", () => {
  const clock = useFakeClock();

  holds(
    "is at every step where the model is",
    500,
    fc.asyncProperty(settings, upTo(60, step), async (parts, steps) => {
      const sfu = sfuOf(1);
      const breakers = createBreakers(parts, clock, new Events());
      const model = new BreakerModel(parts, clock.monotonic());
      /** Null where it is over, or never began. */
      const runs: ({
        readonly run: ReturnType<BreakerModel["begin"]>;
        readonly end: (verdict: Verdict) => void;
      } | null)[] = [];
      let trial: {
        readonly run: ReturnType<BreakerModel["beginTrial"]>;
        readonly end: (verdict: TrialVerdict) => void;
      } | null = null;

      const begin = async (asLastResort: boolean): Promise<void> => {
        const ending = Promise.withResolvers<Verdict>();
        let isAsked = false;
        let isRefused = false;
        const task = async (): Promise<void> => {
          isAsked = true;
          const verdict = await ending.promise;
          if (verdict !== "fine") throw new Error(verdict);
        };
        const verdictOf = ({ message }: Error): Verdict => message as Verdict;
        breakers.run(sfu, task, { verdictOf, asLastResort }).catch((error: unknown) => {
          isRefused = error instanceof BreakerOpenError;
        });
        await clock.elapse(0);
        const run = model.begin(asLastResort, clock.monotonic());
        expect([isAsked, isRefused], "asked, refused").to.deep.equal([run !== null, run === null]);
        runs.push(run === null ? null : { run, end: ending.resolve });
      };
      const end = (index: number, verdict: Verdict): void => {
        const run = runs[index] ?? null;
        if (run === null) return;
        runs[index] = null;
        run.end(verdict);
        model.end(run.run!, verdict, clock.monotonic());
      };
      const beginTrial = async (): Promise<void> => {
        const ending = Promise.withResolvers<TrialVerdict>();
        let isChecked = false;
        void breakers.trial(sfu, () => {
          isChecked = true;
          return ending.promise;
        });
        await clock.elapse(0);
        const run = model.beginTrial();
        expect(isChecked).to.equal(run !== null);
        if (run !== null) trial = { run, end: ending.resolve };
      };

      const take = async (one: Step): Promise<void> => {
        switch (one.what) {
          case "elapse":
            await clock.elapse(one.ms);
            model.pass(clock.monotonic());
            return;
          case "begin":
            return begin(one.asLastResort);
          case "end":
            end(one.run, one.verdict);
            return;
          case "call":
            await begin(false);
            end(runs.length - 1, one.verdict);
            return;
          case "begin trial":
            return beginTrial();
          case "end trial": {
            const checked = trial;
            trial = null;
            checked?.end(one.verdict);
            if (checked !== null) model.endTrial(checked.run!, one.verdict, clock.monotonic());
            return;
          }
          case "trip":
            breakers.trip(sfu);
            model.trip(clock.monotonic());
            return;
          case "pardon":
            breakers.pardon(sfu);
            model.pardon();
        }
      };

      try {
        for (const [index, one] of steps.entries()) {
          await take(one);
          await clock.elapse(0);
          const is = [breakers.state(sfu), breakers.admits(sfu), breakers.mayBeTried(sfu)];
          expect(is, `after ${String(index + 1)} steps`).to.deep.equal([model.state, model.admits, model.mayBeTried]);
        }
      } finally {
        breakers.close();
        runs.forEach((_, index) => end(index, "nothing"));
        await clock.elapse(0);
      }
    }),
  );
});
