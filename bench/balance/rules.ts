import type { Clock, Random } from "../../lib/clock.ts";
import type { PolicyFactory, Reading } from "./policy.ts";

/*
 * What others do, written from its description. Each rule gets more than it would have by itself: reports as fresh as
 * the gateway's, an SFU's true capacity, the wanted region first, and the fleet's average for an SFU that tells nothing.
 */

/** One SFU as a rule sees it. */
interface Known {
  readonly index: number;
  readonly capacity: number;
  readonly region: string | null;
  isUp: boolean;
  reading: Reading | null;
  /** Sessions (or what the host is said to be busy with) as a share of what it can do, by the latest report. */
  load: number;
  /** When participants came to it, those of the last {@link MEMORY_MS}, and conferences since the latest report. */
  members: number[];
  placed: number;
}

interface Rule {
  /** Lower is better. */
  readonly score: (sfu: Known, nowMs: number) => number;
  /** The share above which an SFU is only taken when there is no other. */
  readonly limit?: number;
  /** Of two at random instead of all. */
  readonly ofTwo?: boolean;
  readonly load?: (reading: Reading, capacity: number, nowMs: number) => number;
}

const MEMORY_MS = 20_000;

/** Any at random that is not full by its report. */
export const random: PolicyFactory = rule(({ random: draw }) => ({ score: () => draw(), limit: 1 }));

/** The less loaded of two (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). */
export const twoChoices: PolicyFactory = rule(() => ({ score: ({ load }) => load, limit: 1, ofTwo: true }));

/**
 * Jicofo: the lowest stress, where to what a bridge reports 0.01 is added for each endpoint of the last 20 seconds; those
 * over 0.8 come last. Source: the comments of `jicofo-selector/src/main/resources/reference.conf`
 * (`average-participant-stress`, `participant-rampup-interval`, `stress-threshold`) in github.com/jitsi/jicofo.
 */
export const jicofo: PolicyFactory = rule(() => ({
  score: ({ load, members }, nowMs) => load + 0.01 * since(members, nowMs - MEMORY_MS),
  limit: 0.8,
}));

/** The same where each bridge tells what a participant costs it, which its capacity says best. */
export const jicofoTold: PolicyFactory = rule(() => ({
  score: ({ load, members, capacity }, nowMs) => load + since(members, nowMs - MEMORY_MS) / capacity,
  limit: 0.8,
}));

/**
 * LiveKit, `kind: sysload`: the node with the lowest system load of those under `sysload_limit`, 0.9 by default, which is
 * ignored where none is. Source: `config-sample.yaml` of github.com/livekit/livekit, and «Load distribution strategies
 * across Media Nodes» in the documentation of OpenVidu, which is built on it.
 */
export const livekit: PolicyFactory = rule(() => ({ score: ({ load }) => load, limit: 0.9 }));

/** The same with `algorithm: twochoice`. */
export const livekitTwoChoice: PolicyFactory = rule(() => ({ score: ({ load }) => load, limit: 0.9, ofTwo: true }));

/**
 * Scalelite up to 1.4: the lowest load, which is the number of meetings times the server's multiplier, and one meeting
 * more with each that is created until the next poll. Source: github.com/blindsidenetworks/scalelite/issues/212 and /108.
 */
export const scaleliteMeetings: PolicyFactory = rule(() => ({
  score: ({ load, placed, capacity }) => load + placed / capacity,
  load: ({ conferences }, capacity) => conferences.length / capacity,
}));

/**
 * Scalelite from 1.5: the load is the number of users, where a meeting counts as 15 at least in its first 15 minutes, and
 * creating one still adds one. Source: `LOAD_MIN_USER_COUNT` and `LOAD_JOIN_BUFFER_TIME` in the README of
 * github.com/blindsidenetworks/scalelite, and its issue 1048.
 */
export const scaleliteUsers: PolicyFactory = rule(() => ({
  score: ({ load, placed, capacity }) => load + placed / capacity,
  load: ({ conferences }, capacity, nowMs) =>
    conferences.reduce((sum, { size, beganMs }) => sum + Math.max(size, nowMs - beganMs < 900_000 ? 15 : 0), 0) /
    capacity,
}));

function rule(make: (tools: { readonly clock: Clock; readonly random: Random }) => Rule): PolicyFactory {
  return ({ fleet, clock, random: draw }) => {
    const { score, limit = Infinity, ofTwo = false, load = hostLoad } = make({ clock, random: draw });
    const sfus = fleet.map(({ capacity, region }, index): Known => ({
      index,
      capacity,
      region,
      isUp: false,
      reading: null,
      load: 0,
      members: [],
      placed: 0,
    }));
    const known = (index: number): Known => {
      const sfu = sfus[index];
      if (sfu === undefined) throw new Error(`no SFU ${String(index)}`);
      return sfu;
    };

    const assumeAverages = (): void => {
      const telling = sfus.filter(({ reading, isUp }) => isUp && reading !== null);
      const capacity = telling.reduce((sum, sfu) => sum + sfu.capacity, 0);
      const average = telling.reduce((sum, sfu) => sum + sfu.load * sfu.capacity, 0) / Math.max(1, capacity);
      for (const sfu of sfus) if (sfu.reading === null) sfu.load = average;
    };

    const choose = (among: readonly Known[], nowMs: number): Known | undefined => {
      let chosen: Known | undefined;
      let lowest = Infinity;
      // From a random place on, so that equal ones are chosen alike often.
      const from = Math.floor(draw() * among.length);
      for (let step = 0; step < among.length; step++) {
        const sfu = among[(from + step) % among.length];
        if (sfu === undefined) continue;
        const its = score(sfu, nowMs);
        if (its < lowest) [chosen, lowest] = [sfu, its];
      }
      return chosen;
    };

    return {
      place({ region }, ask) {
        const nowMs = clock.monotonic();
        assumeAverages();
        let open = sfus.filter(({ isUp }) => isUp);
        while (open.length > 0) {
          const free = open.filter((sfu) => sfu.load < limit);
          const within = free.length > 0 ? free : open;
          const near = region === null ? [] : within.filter((sfu) => sfu.region === region);
          const among = near.length > 0 ? near : within;
          const chosen = choose(ofTwo ? twoOf(among, draw) : among, nowMs);
          if (chosen === undefined) return null;
          if (ask(chosen.index)) {
            chosen.placed++;
            return chosen.index;
          }
          open = open.filter((sfu) => sfu !== chosen);
        }
        return null;
      },
      onHealth(index, isUp) {
        Object.assign(known(index), { isUp, reading: null, placed: 0, members: [] });
      },
      onReading(index, reading) {
        const sfu = known(index);
        sfu.reading = reading;
        sfu.load = load(reading, sfu.capacity, clock.monotonic());
        sfu.placed = 0;
      },
      onMember(index) {
        const { members } = known(index);
        const nowMs = clock.monotonic();
        members.push(nowMs);
        if (members.length % 64 === 0) known(index).members = members.filter((atMs) => atMs > nowMs - MEMORY_MS);
      },
    };
  };
}

/** The processors where they are told, else the sessions as a share of the capacity. */
function hostLoad({ sessions, cpu }: Reading, capacity: number): number {
  return cpu ?? sessions / capacity;
}

function since(times: readonly number[], fromMs: number): number {
  let count = 0;
  for (let index = times.length - 1; index >= 0; index--) {
    if ((times[index] ?? -Infinity) <= fromMs) break;
    count++;
  }
  return count;
}

function twoOf<T>(items: readonly T[], draw: Random): readonly T[] {
  if (items.length <= 2) return items;
  const first = Math.floor(draw() * items.length);
  const second = (first + 1 + Math.floor(draw() * (items.length - 1))) % items.length;
  return items.filter((_, index) => index === first || index === second);
}
