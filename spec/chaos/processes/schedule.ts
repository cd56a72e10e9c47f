import type { Random } from "../../../lib/clock.ts";
import type { ProcessFault } from "./faults.ts";

/** One thing that is done to the stage. SFUs go by their index. */
export type Act =
  | { readonly kind: "break"; readonly hits: readonly Hit[] }
  | { readonly kind: "heal"; readonly sfus: readonly number[] }
  /** Other settings, a file that cannot be read, or an SFU that is on no list until the next reload. */
  | { readonly kind: "reload"; readonly to: "other settings" | "nonsense" | { readonly without: number } }
  | { readonly kind: "restart" }
  | { readonly kind: "stop the gateway"; readonly forMs: number };

export interface Hit {
  readonly sfu: number;
  readonly fault: ProcessFault;
}

export interface Step {
  /** From the beginning of the load on. */
  readonly atMs: number;
  readonly act: Act;
}

/** What happens in so many milliseconds; the same for the same random numbers. */
export type Schedule = (lengthMs: number, random: Random) => readonly Step[];

/** Calls that nothing disturbs, before and after. */
const CALM_MS = 1000;

/** After this everybody counts on an SFU that has returned (the oracle's own limit is 3 s). */
const RETURNED_MS = 3500;

export interface OutagePlan {
  readonly sfus: number;
  /** How many of them are out at the same time; others each time. */
  readonly victims: number;
  /** Each gets the next one. */
  readonly faults: readonly ProcessFault[];
}

/**
 * So many are out for a while, again and again, and others each time: for a second and a half at least, and for longer than a
 * breaker's reset time where there is time enough.
 */
export function outages({ sfus, victims, faults }: OutagePlan): Schedule {
  return (lengthMs, random) => {
    const steps: Step[] = [];
    const deck = shuffled(faults, random);
    const longestMs = Math.min(15_000, Math.max(2500, lengthMs / 2));
    // With one victim the others have been there all the time.
    const restMs = victims === 1 ? 500 : RETURNED_MS;
    const firstVictim = Math.floor(random() * sfus);
    let drawn = 0;
    let atMs = CALM_MS;
    for (let cycle = 0; ; cycle++) {
      const lastsMs = between(1500, longestMs, random);
      const endMs = lengthMs - CALM_MS - (victims === 1 ? 0 : RETURNED_MS);
      const untilMs = cycle === 0 ? Math.min(atMs + lastsMs, endMs) : atMs + lastsMs;
      if (untilMs > endMs) return steps;
      const hit = Array.from({ length: victims }, (_, index) => (firstVictim + cycle + index) % sfus);
      const hits = hit.map((sfu) => ({ sfu, fault: deck[drawn++ % deck.length]! }));
      steps.push({ atMs, act: { kind: "break", hits } }, { atMs: untilMs, act: { kind: "heal", sfus: hit } });
      atMs = untilMs + restMs;
    }
  };
}

/** The same SFUs go and come several times a second. */
export function flapping(victims: readonly number[], faults: readonly ProcessFault[]): Schedule {
  return (lengthMs, random) => {
    const steps: Step[] = [];
    const deck = shuffled(faults, random);
    let atMs = CALM_MS;
    for (let cycle = 0; atMs < lengthMs - CALM_MS - 1000; cycle++) {
      const hits = victims.map((sfu, index) => ({ sfu, fault: deck[(cycle + index) % deck.length]! }));
      steps.push({ atMs, act: { kind: "break", hits } });
      atMs += between(100, 900, random);
      steps.push({ atMs, act: { kind: "heal", sfus: victims } });
      atMs += between(100, 900, random);
    }
    return steps;
  };
}

/** Anything at any time, to one, two or all. */
export function storm(sfus: number, faults: readonly ProcessFault[]): Schedule {
  return (lengthMs, random) => {
    const steps: Step[] = [];
    /** Until when each is out. */
    const outUntilMs = Array.from({ length: sfus }, () => 0);
    const endMs = lengthMs - RETURNED_MS;
    for (let atMs = CALM_MS; atMs < endMs; atMs += between(200, 3000, random)) {
      for (let sfu = 0; sfu < sfus; sfu++) {
        if (atMs < outUntilMs[sfu]! || random() > 0.6) continue;
        const fault = faults[Math.floor(random() * faults.length)]!;
        const healMs = Math.min(endMs, atMs + between(200, Math.max(1000, Math.min(8000, lengthMs / 4)), random));
        outUntilMs[sfu] = healMs + 1;
        steps.push({ atMs, act: { kind: "break", hits: [{ sfu, fault }] } });
        steps.push({ atMs: healMs, act: { kind: "heal", sfus: [sfu] } });
      }
      if (random() < 0.2) steps.push({ atMs, act: { kind: "reload", to: "other settings" } });
    }
    return inOrder(steps);
  };
}

/** The same acts again and again, so far apart. */
export function repeated(acts: readonly Act[], everyMs: number): Schedule {
  return (lengthMs) => {
    const count = Math.max(acts.length, Math.floor((lengthMs - 2 * CALM_MS) / everyMs));
    return Array.from({ length: count }, (_, index) => ({
      atMs: CALM_MS + index * everyMs,
      act: acts[index % acts.length]!,
    }));
  };
}

/** One after the other, each in its share of the time. */
export function inTurn(...schedules: readonly Schedule[]): Schedule {
  return (lengthMs, random) => {
    const shareMs = lengthMs / schedules.length;
    return schedules.flatMap((schedule, index) =>
      schedule(shareMs, random).map(({ atMs, act }) => ({ atMs: index * shareMs + atMs, act })),
    );
  };
}

/** Both at the same time. */
export function together(...schedules: readonly Schedule[]): Schedule {
  return (lengthMs, random) => inOrder(schedules.flatMap((schedule) => schedule(lengthMs, random)));
}

function inOrder(steps: readonly Step[]): readonly Step[] {
  return steps.toSorted((a, b) => a.atMs - b.atMs);
}

function between(leastMs: number, mostMs: number, random: Random): number {
  return leastMs + random() * (mostMs - leastMs);
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
