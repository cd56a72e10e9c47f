import { expect } from "chai";
import fc from "fast-check";
import { type Affinity, createAffinity } from "../../../lib/balancing/affinity.ts";
import { createMemoryTable } from "../../../lib/store/memory.ts";
import type { Table } from "../../../lib/store/store.ts";
import { useFakeClock } from "../../support/clock.ts";
import { holds, upTo } from "../property.ts";

const CONFERENCE = "room";
const TTL_MS = 1000;

/** One request for the conference: which SFU it would choose, and whether the one that it is assigned to fails it. */
const request = fc.record({
  choice: fc.nat(3).map((number) => `http://sfu${String(number)}.test`),
  fails: fc.boolean(),
});

/** Where a request has got to. */
interface Told {
  readonly before: string | null;
  readonly served: string;
  readonly assigned: string;
}

describe("the affinity of one conference, in whatever order its requests proceed", () => {
  const clock = useFakeClock();

  /** Every look at the table, and every change, takes place when the scheduler says so. */
  const scheduled = (scheduler: fc.Scheduler, table: Table): Table => {
    const later = async <T>(label: string, act: () => Promise<T>): Promise<T> => {
      await scheduler.schedule(Promise.resolve(), label);
      return act();
    };
    return {
      ...table,
      get: (name) => later("get", () => table.get(name)),
      setIfAbsent: (...args) => later("set if absent", () => table.setIfAbsent(...args)),
      compareAndSet: (...args) => later("compare and set", () => table.compareAndSet(...args)),
    };
  };

  const join = async (
    affinity: Affinity,
    { choice, fails }: { readonly choice: string; readonly fails: boolean },
    attempt: () => Promise<void>,
  ): Promise<Told> => {
    const before = await affinity.get(CONFERENCE);
    await attempt();
    // As the pipeline does: the SFU that it is assigned to comes first.
    const served = before === null || fails ? choice : before;
    return { before, served, assigned: await affinity.assign(CONFERENCE, served, before) };
  };

  holds(
    "sends all to one SFU, the first that served one of them",
    300,
    fc.asyncProperty(fc.scheduler(), fc.array(request, { minLength: 1, maxLength: 8 }), async (scheduler, requests) => {
      const table = createMemoryTable(clock, 10);
      const affinity = createAffinity(TTL_MS, { assignments: scheduled(scheduler, table) });
      const joins = requests.map(({ choice }) =>
        join(affinity, { choice, fails: false }, () => scheduler.schedule(Promise.resolve(), `${choice} answers`)),
      );
      const told = await scheduler.waitFor(Promise.all(joins));
      const present = await table.get(CONFERENCE);
      expect(told.map(({ assigned }) => assigned)).to.deep.equal(requests.map(() => present));
    }),
  );

  holds(
    "is moved only by somebody whom it failed, and by one of them, however they interleave",
    500,
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(request, { minLength: 1, maxLength: 8 }),
      fc.option(fc.nat(3).map((number) => `http://sfu${String(number)}.test`)),
      async (scheduler, requests, first) => {
        const table = createMemoryTable(clock, 10);
        if (first !== null) await table.set(CONFERENCE, first, TTL_MS);
        /** Everything that it was assigned to, oldest first. */
        const history = [first];
        const watched: Table = {
          ...table,
          async setIfAbsent(...args) {
            const value = await table.setIfAbsent(...args);
            if (value !== history.at(-1)) history.push(value);
            return value;
          },
          async compareAndSet(name, expected, value, ttlMs) {
            const hasMoved = await table.compareAndSet(name, expected, value, ttlMs);
            if (hasMoved) {
              expect(expected).to.equal(history.at(-1));
              if (value !== expected) history.push(value);
            }
            return hasMoved;
          },
        };
        const affinity = createAffinity(TTL_MS, { assignments: scheduled(scheduler, watched) });
        const joins = requests.map((one) =>
          join(affinity, one, () => scheduler.schedule(Promise.resolve(), `${one.choice} answers`)),
        );
        const told = await scheduler.waitFor(Promise.all(joins));

        for (const [index, to] of history.entries()) {
          if (index === 0) continue;
          const from = history[index - 1];
          const movers = told.filter(
            ({ before, served, assigned }) => before === from && served === to && assigned === to,
          );
          expect(movers, `${String(from)} → ${String(to)}`).not.to.deep.equal([]);
        }
        for (const { before, served, assigned } of told) {
          expect(history, "nobody is told what never was").to.include(assigned);
          if (assigned !== served) expect(history.slice(0, -1), "who is overruled is so by a move").to.include(before);
        }
        expect(await table.get(CONFERENCE)).to.equal(history.at(-1));
      },
    ),
  );

  holds(
    "ends with its TTL, and not before",
    300,
    fc.asyncProperty(
      upTo(20, fc.record({ afterMs: fc.nat(2 * TTL_MS), choice: fc.nat(3).map(String) })),
      async (requests) => {
        const affinity = createAffinity(TTL_MS, { assignments: createMemoryTable(clock, 10) });
        let assigned: string | null = null;
        let sinceMs = -Infinity;
        for (const { afterMs, choice } of requests) {
          await clock.elapse(afterMs);
          const nowMs = clock.monotonic();
          const isAlive = nowMs - sinceMs <= TTL_MS;
          const { before, assigned: now } = await join(affinity, { choice, fails: false }, () => Promise.resolve());
          expect(before).to.equal(isAlive ? assigned : null);
          expect(now).to.equal(isAlive ? assigned : choice);
          [assigned, sinceMs] = [now, nowMs];
        }
      },
    ),
  );
});
