import { expect } from "chai";
import fc from "fast-check";
import { GatewayError } from "../../../lib/errors.ts";
import type { Served } from "../../../lib/failover/pipeline.ts";
import { useFakeClock } from "../../support/clock.ts";
import { holds, upTo } from "../property.ts";
import { BreakerModel } from "./model-breaker.ts";
import { type Behaviour, predict } from "./model-failover.ts";
import { AFFINITY_TTL_MS, behaviour, setStage, settings, type Stage } from "./stage.ts";

type Step =
  | { readonly what: "behave"; readonly sfu: number; readonly behaviour: Behaviour }
  | { readonly what: "fill" | "empty"; readonly sfu: number }
  | { readonly what: "call"; readonly conference: string }
  | { readonly what: "hang up"; readonly call: number }
  | { readonly what: "elapse"; readonly ms: number };

const sfu = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant("behave" as const), sfu, behaviour }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom("fill" as const, "empty" as const), sfu }) },
  {
    weight: 12,
    arbitrary: fc.record({ what: fc.constant("call" as const), conference: fc.constantFrom("a", "b", "c") }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("hang up" as const), call: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant("elapse" as const), ms: fc.oneof(fc.nat(100), fc.nat(4000)) }),
  },
);
const size = fc.integer({ min: 1, max: 8 });

/** Takes a step that is about the SFUs alone. @returns whether it was one */
function prepare({ behaviours, full, sfus }: Stage, one: Step): boolean {
  if (!("sfu" in one)) return false;
  if (sfus[one.sfu] === undefined) return true;
  if (one.what === "behave") behaviours[one.sfu] = one.behaviour;
  else if (one.what === "fill") full.add(one.sfu);
  else full.delete(one.sfu);
  return true;
}

const codeOf = (error: unknown): string => (error instanceof GatewayError ? error.code : String(error));

describe("failover, whatever the SFUs do", () => {
  const clock = useFakeClock();

  holds(
    "of calls that come one by one goes as the model says, attempt by attempt, and moves the breakers as it says",
    100,
    fc.asyncProperty(size, settings, upTo(40, step), async (count, parts, steps) => {
      const stage = setStage(clock, count, parts);
      const models = stage.sfus.map(() => new BreakerModel(parts.breaker, clock.monotonic()));
      const assigned = new Map<string, { readonly sfu: number; readonly sinceMs: number }>();
      const claims = stage.sfus.map(() => 0);
      try {
        for (const one of steps) {
          if (prepare(stage, one) || one.what === "hang up") continue;
          if (one.what !== "call") {
            if (one.what === "elapse") await clock.elapse(one.ms);
            continue;
          }
          const startMs = clock.monotonic();
          const home = assigned.get(one.conference);
          const isAlive = home !== undefined && startMs - home.sinceMs <= AFFINITY_TTL_MS;
          const predicted = predict(
            models.map((breaker, index) => ({
              breaker,
              behaviour: stage.behaviours[index]!,
              isFull: stage.full.has(index),
            })),
            { startMs, budgetMs: parts.failover.retryTimeoutMs, assigned: isAlive ? home.sfu : null },
            parts.failover,
          );
          if (typeof predicted.outcome === "number") {
            assigned.set(one.conference, { sfu: predicted.outcome, sinceMs: predicted.endMs });
            if (!isAlive || home.sfu !== predicted.outcome) claims[predicted.outcome]!++;
          }

          const { chain, asked } = stage.begin(one.conference, new AbortController().signal);
          let endMs = NaN;
          const outcome = chain.result
            .then(({ sfu: served }): number | string => stage.sfus.findIndex((each) => each === served), codeOf)
            .finally(() => (endMs = clock.monotonic()));
          await clock.elapse(predicted.endMs - startMs);
          expect({ outcome: await Promise.race([outcome, Promise.resolve("still under way")]), endMs }).to.deep.equal({
            outcome: predicted.outcome,
            endMs: predicted.endMs,
          });
          const attempts = chain.attempts.map(({ sfu: each, durationMs, error }, index) => ({
            sfu: stage.sfus.indexOf(each),
            timeoutMs: asked[index]!.timeoutMs,
            durationMs,
            failure: error?.failure ?? null,
          }));
          expect(attempts).to.deep.equal(predicted.attempts);
          for (const model of models) model.pass(clock.monotonic());
          expect(stage.sfus.map((each) => stage.breakers.state(each))).to.deep.equal(models.map(({ state }) => state));
          expect(stage.claims).to.deep.equal(claims);
        }
      } finally {
        stage.close();
      }
    }),
  );

  interface Running {
    readonly conference: string;
    readonly chain: ReturnType<Stage["begin"]>["chain"];
    readonly asked: ReturnType<Stage["begin"]>["asked"];
    readonly startMs: number;
    readonly caller: AbortController;
    endMs: number;
    result: Served | Error | null;
  }

  holds(
    "of calls that overlap keeps the budget, asks nobody twice, and serves where somebody who is asked would",
    70,
    fc.asyncProperty(size, settings, upTo(40, step), async (count, parts, steps) => {
      const stage = setStage(clock, count, parts);
      const { maxRetries, retryTimeoutMs, attemptTimeoutMs } = parts.failover;
      const calls: Running[] = [];
      try {
        for (const one of steps) {
          if (prepare(stage, one)) continue;
          if (one.what === "elapse") await clock.elapse(Math.floor(one.ms / 10));
          else if (one.what === "hang up") calls[one.call]?.caller.abort(new Error("the caller hung up"));
          else if (one.what === "call") {
            const caller = new AbortController();
            const running: Running = {
              conference: one.conference,
              // Calls for one conference wait for each other, see several-gateways.spec.ts.
              ...stage.begin(`${one.conference} ${String(calls.length)}`, caller.signal),
              startMs: clock.monotonic(),
              caller,
              endMs: NaN,
              result: null,
            };
            const end = (result: Served | Error): void => {
              running.result = result;
              running.endMs = clock.monotonic();
            };
            running.chain.result.then(end, end);
            calls.push(running);
          }
          await clock.elapse(0);
        }
        await clock.elapse(retryTimeoutMs);

        for (const { chain, asked, startMs, endMs, result, caller } of calls) {
          expect(result, "every call is answered").not.to.equal(null);
          expect(endMs - startMs, "within its budget").to.be.at.most(retryTimeoutMs);
          expect(asked.length).to.be.at.most(maxRetries);
          expect(new Set(asked.map((each) => each.sfu)).size, "nobody is asked twice").to.equal(asked.length);
          expect(chain.attempts.length).to.equal(asked.length);
          for (const { timeoutMs } of asked) expect(timeoutMs).to.be.within(1, attemptTimeoutMs);
          const isServed = result !== null && "channel" in result;
          if (!isServed) expect(result).to.be.instanceOf(GatewayError);
          if (!caller.signal.aborted) expect(isServed).to.equal(asked.some(({ wouldServe }) => wouldServe));
          if (isServed) expect(result.sfu).to.equal(stage.sfus[asked.at(-1)!.sfu]);
        }
        const served = calls.filter(({ result }) => result !== null && "channel" in result).length;
        expect(stage.claims.reduce((sum, each) => sum + each, 0)).to.be.within(0, served);
      } finally {
        stage.close();
      }
    }),
  );
});
