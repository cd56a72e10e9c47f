import { expect } from "chai";
import fc from "fast-check";
import type { Served } from "../../../lib/failover/pipeline.ts";
import { createMemoryHub, createMemoryStore } from "../../../lib/store/memory.ts";
import { useFakeClock } from "../../support/clock.ts";
import { sfuOf } from "../../support/fleet.ts";
import { holds } from "../property.ts";
import { behaviour, setStage, settings, type StageSettings } from "./stage.ts";

const FLEET = 3;

const well = fc.record({ afterMs: fc.nat(200), error: fc.constant(null) });

/** When a member asks for which of two conferences, at which of the gateways, and when it hangs up, if it does. */
const member = fc.record({
  atMs: fc.oneof(fc.nat(5), fc.nat(3000)),
  conference: fc.constantFrom("a", "b"),
  gateway: fc.nat(3),
  patienceMs: fc.oneof({ weight: 4, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(500) }),
});
type Member = typeof member extends fc.Arbitrary<infer T> ? T : never;

const members = fc.array(member, { minLength: 2, maxLength: 12, size: "max" });

interface Answer {
  readonly conference: string;
  readonly tookMs: number;
  readonly result: Served | Error;
}

describe("several gateways that share a store, whoever asks when and where", () => {
  const clock = useFakeClock();

  /** @returns what each was answered, and by how many at most one SFU was asked for one conference at a time */
  const play = async (
    count: number,
    limits: StageSettings,
    behaviours: readonly { readonly afterMs: number; readonly error: Error | null }[],
    list: readonly Member[],
  ): Promise<{ readonly answers: readonly Answer[]; readonly most: number }> => {
    const hub = createMemoryHub(clock);
    const asking = new Map<string, number>();
    let most = 0;
    const onAsk = (_: unknown, conference: string): (() => void) => {
      const now = (asking.get(conference) ?? 0) + 1;
      asking.set(conference, now);
      most = Math.max(most, now);
      return () => void asking.set(conference, (asking.get(conference) ?? 0) - 1);
    };
    const gateways = Array.from({ length: count }, () =>
      setStage(clock, FLEET, limits, { store: createMemoryStore(clock, hub), onAsk }),
    );
    for (const gateway of gateways) gateway.behaviours.splice(0, FLEET, ...(behaviours as typeof gateway.behaviours));
    const answers: Answer[] = [];
    for (const { atMs, conference, gateway, patienceMs } of list) {
      clock.after(atMs, () => {
        const startedMs = clock.monotonic();
        const caller = new AbortController();
        if (patienceMs < Infinity) clock.after(patienceMs, () => caller.abort(new Error("the caller hung up")));
        void gateways[gateway % count]!.begin(conference, caller.signal)
          .chain.result.catch((error: unknown) => error as Error)
          .then((result) => answers.push({ conference, tookMs: clock.monotonic() - startedMs, result }));
      });
    }
    await clock.elapse(60_000);
    for (const gateway of gateways) gateway.close();
    return { answers, most };
  };

  holds(
    "answers every call within its budget",
    150,
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      settings,
      fc.tuple(behaviour, behaviour, behaviour),
      members,
      async (count, limits, behaviours, list) => {
        const { answers } = await play(count, limits, behaviours, list);
        expect(answers).to.have.length(list.length);
        for (const { tookMs } of answers) expect(tookMs).to.be.at.most(limits.failover.retryTimeoutMs);
      },
    ),
  );

  holds(
    "brings all members of a conference to one SFU, which is never asked twice at a time for it",
    200,
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      settings,
      fc.tuple(well, well, well),
      members,
      async (count, { breaker }, behaviours, list) => {
        // Half of it is longer than all who can be before one in the queue, so that nobody loses patience.
        const failover = { maxRetries: 3, retryTimeoutMs: 10_000, attemptTimeoutMs: 1000 };
        const { answers, most } = await play(count, { failover, breaker }, behaviours, list);
        expect(most).to.be.at.most(1);
        for (const conference of ["a", "b"]) {
          const served = answers.filter((answer) => answer.conference === conference).map(({ result }) => result);
          const uuids = served.flatMap((result) => ("channel" in result ? [result.channel.uuid] : []));
          expect(new Set(uuids).size).to.be.at.most(1);
        }
      },
    ),
  );

  holds(
    "asks one SFU at a time for a conference, whatever fails, as long as nobody's patience is at its end",
    150,
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      settings,
      fc.tuple(behaviour, behaviour, behaviour),
      members,
      async (count, limits, behaviours, list) => {
        const failover = { maxRetries: 2, retryTimeoutMs: 80_000, attemptTimeoutMs: 500 };
        const { most } = await play(count, { ...limits, failover }, behaviours, list);
        expect(most).to.be.at.most(1);
      },
    ),
  );

  it("is a stage on which SFUs can be asked twice at a time: by gateways that share nothing", async () => {
    const limits = {
      failover: { maxRetries: 3, retryTimeoutMs: 2500, attemptTimeoutMs: 1000 },
      breaker: { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, resetTimeoutMs: 10_000 },
    };
    const asked: string[] = [];
    const onAsk = (sfu: { readonly address: string }): (() => void) => {
      asked.push(sfu.address);
      return () => undefined;
    };
    const gateways = [1, 2].map(() => setStage(clock, FLEET, limits, { onAsk }));
    await Promise.all(
      gateways
        .map((gateway) => gateway.begin("a", new AbortController().signal).chain.result.catch(() => 0))
        .concat(clock.elapse(10).then(() => 0)),
    );
    expect(asked).to.deep.equal([sfuOf(0).address, sfuOf(0).address]);
    for (const gateway of gateways) gateway.close();
  });
});
