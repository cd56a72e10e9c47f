import { expect } from "chai";
import fc from "fast-check";
import { type Coalescer, createCoalescer, type Work } from "../../../lib/failover/coalesce.ts";
import { useFakeClock } from "../../support/clock.ts";
import { holds, upTo } from "../property.ts";

type Step =
  | { readonly what: "ask"; readonly key: string; readonly arrivedBeforeMs: number; readonly isGone: boolean }
  | { readonly what: "hang up"; readonly caller: number }
  | { readonly what: "end"; readonly flight: number; readonly well: boolean }
  | { readonly what: "elapse"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant("ask" as const),
      key: fc.constantFrom("a", "b"),
      arrivedBeforeMs: fc.oneof(fc.constant(0), fc.nat(400)),
      isGone: fc.nat(9).map((number) => number === 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("hang up" as const), caller: fc.nat(15) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("end" as const), flight: fc.nat(8), well: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("elapse" as const), ms: fc.nat(300) }) },
);

/** One piece of work, and who waits for it. */
interface Flight {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly end: (well: boolean) => void;
  readonly waiting: Set<Caller>;
  isShared: boolean;
  /** When it ended well; null while it has not. */
  landedMs: number | null;
  outcome: "under way" | "well" | "badly";
  /** Where everybody had left it before its end. */
  isLost: boolean;
}

interface Caller {
  readonly flight: Flight;
  readonly controller: AbortController;
  /** What it was told, each time. */
  readonly told: string[];
  /** What it has to be told, once that is clear. */
  due: string | null;
}

/** How long a result may be had by who had asked before it was there, and by who belongs to the same burst. */
const LINGER_MS = 500;
const BURST_MS = 250;

describe("callers who share their work, in whatever order they come, leave and are answered", () => {
  const clock = useFakeClock();

  holds(
    "are settled once each, with the result of the one flight of their key, which is lost only when all have left",
    250,
    fc.asyncProperty(upTo(40, step), async (steps) => {
      const coalescer: Coalescer<string, Work<string>> = createCoalescer(clock);
      const flights: Flight[] = [];
      const callers: Caller[] = [];
      const nameOf = (flight: Flight): string => `result of ${String(flights.indexOf(flight))}`;

      const begin = (key: string, signal: AbortSignal): Work<string> => {
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        const flight: Flight = {
          key,
          signal,
          end: (well) => (well ? resolve(nameOf(flight)) : reject(new Error(nameOf(flight)))),
          waiting: new Set(),
          isShared: false,
          landedMs: null,
          outcome: "under way",
          isLost: false,
        };
        flights.push(flight);
        return { result: promise };
      };
      const leave = (caller: Caller): void => {
        const { flight } = caller;
        if (!flight.waiting.delete(caller)) return;
        caller.due = "gone";
        flight.isLost ||= flight.waiting.size === 0 && flight.outcome === "under way";
      };
      /** Whose flight a request joins, by the description of `Caller.arrivedMs` and `BURST_MS`; null for a new one. */
      const flightFor = (key: string, arrivedMs: number): Flight | null => {
        const own = flights.filter((flight) => flight.key === key && !flight.isLost);
        const underWay = own.find(({ outcome }) => outcome === "under way");
        if (underWay !== undefined) return underWay;
        const last = own.filter(({ landedMs }) => landedMs !== null).sort((a, b) => b.landedMs! - a.landedMs!)[0];
        if (last === undefined || clock.monotonic() - last.landedMs! > LINGER_MS) return null;
        return arrivedMs <= last.landedMs! + (last.isShared ? BURST_MS : 0) ? last : null;
      };

      const run = async (one: Step): Promise<void> => {
        switch (one.what) {
          case "elapse":
            return clock.elapse(one.ms);
          case "ask": {
            const controller = new AbortController();
            if (one.isGone) controller.abort(new Error("gone"));
            const arrivedMs = clock.monotonic() - one.arrivedBeforeMs;
            const expected = flightFor(one.key, arrivedMs);
            const count = flights.length;
            const shared = coalescer.run(one.key, { signal: controller.signal, arrivedMs }, (signal) =>
              begin(one.key, signal),
            );
            expect(shared.joined).to.equal(expected !== null);
            expect(flights.length).to.equal(expected === null ? count + 1 : count);
            const flight = expected ?? flights.at(-1)!;
            const caller: Caller = { flight, controller, told: [], due: null };
            callers.push(caller);
            shared.result.then(
              (value) => caller.told.push(value),
              (error: unknown) => caller.told.push((error as Error).message),
            );
            if (flight.outcome === "well") caller.due = nameOf(flight);
            else {
              flight.isShared ||= expected !== null;
              flight.waiting.add(caller);
              if (one.isGone) leave(caller);
            }
            return;
          }
          case "hang up": {
            const caller = callers[one.caller];
            if (caller === undefined) return;
            caller.controller.abort(new Error("gone"));
            leave(caller);
            return;
          }
          case "end": {
            const flight = flights[one.flight];
            if (flight?.outcome !== "under way") return;
            flight.end(one.well);
            flight.outcome = one.well ? "well" : "badly";
            if (one.well && !flight.isLost) flight.landedMs = clock.monotonic();
            for (const caller of flight.waiting) caller.due = nameOf(flight);
            flight.waiting.clear();
          }
        }
      };

      for (const one of steps) {
        await run(one);
        await clock.elapse(0);
        for (const { signal, isLost } of flights) expect(signal.aborted).to.equal(isLost);
        for (const key of ["a", "b"]) {
          const underWay = flights.filter((flight) => flight.key === key && flight.outcome === "under way");
          expect(underWay.filter(({ isLost }) => !isLost).length).to.be.at.most(1);
        }
        for (const { told, due, flight } of callers) {
          // The last one that leaves sees how it ends, and hears of it then.
          if (told.length === 0 && flight.isLost && flight.outcome === "under way") continue;
          expect(told).to.deep.equal(due === null ? [] : [due]);
        }
      }
      for (const [index, { outcome }] of flights.entries()) {
        if (outcome === "under way") await run({ what: "end", flight: index, well: true });
      }
      await clock.elapse(0);
      expect(callers.map(({ told }) => told)).to.deep.equal(callers.map(({ due }) => [due]));
    }),
  );
});
