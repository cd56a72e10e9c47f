import type { Placement } from "../../lib/balancing/strategy.ts";
import { createGeo } from "../../lib/balancing/geo.ts";
import type { Random } from "../../lib/clock.ts";
import { seeded } from "../../spec/support/random.ts";
import type { Policy, PolicyFactory, Reading } from "./policy.ts";
import type { Scenario, SfuPlan } from "./scenarios.ts";
import { createVirtualClock } from "./virtual-clock.ts";
import { type Conference, type Member, normal } from "./workload.ts";

/** How one policy did in one run. Of all of it, less is better. */
export interface Outcome {
  /** Sessions ÷ capacity on the fullest SFU, by the same of the whole fleet; the mean over time, and the peak. */
  readonly meanImbalance: number;
  readonly peakImbalance: number;
  /** The share of conferences on an SFU with more sessions than it has capacity, over time. */
  readonly overloaded: number;
  /** Conferences whose members were on different SFUs at some time. */
  readonly splits: number;
  /** Requests that were turned away because all SFUs were full. */
  readonly turnedAway: number;
}

export interface RunOptions {
  readonly scenario: Scenario;
  readonly conferences: readonly Conference[];
  readonly seed: number;
  readonly policy: PolicyFactory;
  /** Whether a conference stays where it was placed, see the gateway's affinity. */
  readonly hasAffinity: boolean;
}

const REPORT_INTERVAL_MS = 10_000;
const SAMPLE_INTERVAL_MS = 1000;
const AFFINITY_TTL_MS = 60_000;
/** The gateway's probes find a death, or a return, after so long at least and at most. */
const DETECTION_MS = [500, 4000] as const;
/** While so little is going on, one conference decides the imbalance; it is not looked at. */
const MEASURED_FROM_SHARE = 0.05;

interface SfuState {
  readonly plan: SfuPlan;
  isUp: boolean;
  sessions: number;
  readonly sizes: Map<Call, number>;
}

/** A conference that is going on. */
interface Call {
  readonly conference: Conference;
  readonly placement: Placement;
  /** Where Odoo was told that it is. */
  channel: number | null;
  /** How many of its members are where. */
  readonly members: Map<number, number>;
  assignment: { readonly sfu: number; readonly untilMs: number } | null;
  wasSplit: boolean;
}

/** One participant from joining to leaving; null while connected to nobody. */
interface Seat {
  readonly call: Call;
  readonly member: Member;
  sfu: number | null;
}

export function simulate({ scenario, conferences, seed, policy: factory, hasAffinity }: RunOptions): Outcome {
  const clock = createVirtualClock();
  // What chance does outside is the same for every policy; what a policy leaves to chance is its own.
  const outside = seeded(seed + 1);
  const { fleet } = scenario;
  const policies = Array.from({ length: scenario.gateways }, (_, gateway) =>
    factory({ fleet, clock, random: seeded(seed + 1000 + gateway) }),
  );
  const sfus = fleet.map((plan): SfuState => ({ plan, isUp: false, sessions: 0, sizes: new Map() }));
  const seats = sfus.map(() => new Set<Seat>());
  const geo = createGeo({});
  let splits = 0;
  let turnedAway = 0;

  const stateOf = (index: number): SfuState => {
    const state = sfus[index];
    if (state === undefined) throw new Error(`no SFU ${String(index)}`);
    return state;
  };

  const sit = (seat: Seat, index: number): void => {
    const { call } = seat;
    const state = stateOf(index);
    seat.sfu = index;
    seats[index]?.add(seat);
    state.sessions++;
    state.sizes.set(call, (state.sizes.get(call) ?? 0) + 1);
    call.members.set(index, (call.members.get(index) ?? 0) + 1);
    if (call.members.size > 1 && !call.wasSplit) {
      call.wasSplit = true;
      splits++;
    }
    for (const policy of policies) policy.onMember(index);
  };

  const rise = (seat: Seat): void => {
    const { call, sfu: index } = seat;
    if (index === null) return;
    seat.sfu = null;
    seats[index]?.delete(seat);
    const state = stateOf(index);
    state.sessions--;
    for (const [counts, at] of [
      [state.sizes, call],
      [call.members, index],
    ] as const) {
      decrease(counts as Map<unknown, number>, at);
    }
  };

  /** What the gateway does with a request: the assignment first, then the policy. */
  const ask = (seat: Seat): void => {
    const { call } = seat;
    const nowMs = clock.monotonic();
    const { assignment } = call;
    const answers = (index: number): boolean => stateOf(index).isUp;
    const assigned = hasAffinity && assignment !== null && assignment.untilMs > nowMs ? assignment.sfu : null;
    const policy = policies[call.conference.gateway];
    const chosen = assigned !== null && answers(assigned) ? assigned : (policy?.place(call.placement, answers) ?? null);
    if (chosen === null) {
      turnedAway++;
      return;
    }
    call.channel = chosen;
    call.assignment = { sfu: chosen, untilMs: nowMs + AFFINITY_TTL_MS };
    sit(seat, chosen);
  };

  const join = (seat: Seat): void => {
    const { channel } = seat.call;
    // Odoo asks for the first one, and tells the others where that is.
    if (channel !== null && stateOf(channel).isUp) sit(seat, channel);
    else ask(seat);
  };

  for (const conference of conferences) {
    const { members, region } = conference;
    const place = region === null ? null : geo.region(region);
    const call: Call = {
      conference,
      placement: { region, place },
      channel: null,
      members: new Map(),
      assignment: null,
      wasSplit: false,
    };
    for (const member of members) {
      const seat: Seat = { call, member, sfu: null };
      clock.after(member.joinMs, () => {
        join(seat);
        clock.after(member.leaveMs - member.joinMs, () => rise(seat));
      });
    }
  }

  const tellAll = (tell: (policy: Policy) => void): void => policies.forEach(tell);

  const rises = (index: number): void => {
    stateOf(index).isUp = true;
  };

  const dies = (index: number): void => {
    const state = stateOf(index);
    state.isUp = false;
    for (const seat of seats[index] ?? []) {
      rise(seat);
      const { noticeMs, leaveMs } = seat.member;
      if (clock.monotonic() + noticeMs < leaveMs) clock.after(noticeMs, () => ask(seat));
    }
  };

  fleet.forEach((plan, index) => {
    const at = (atMs: number, run: () => void): void => {
      if (atMs === 0) run();
      else clock.after(atMs, run);
    };
    at(plan.joinsMs, () => {
      rises(index);
      tellAll((policy) => policy.onHealth(index, true));
    });
    for (const { fromMs, toMs } of plan.outages) {
      const detectedMs = (): number => between(outside, ...DETECTION_MS);
      const [death, comeback] = [detectedMs(), detectedMs()];
      at(fromMs, () => dies(index));
      at(fromMs + death, () => tellAll((policy) => policy.onHealth(index, false)));
      at(toMs, () => rises(index));
      at(toMs + comeback, () => tellAll((policy) => policy.onHealth(index, true)));
    }
    if (!plan.reports) return;
    const noise = seeded(seed + 2000 + index);
    const report = (): void => {
      const state = stateOf(index);
      const reading = read(state, clock.monotonic(), scenario.tellsHost, noise);
      if (state.isUp) tellAll((policy) => policy.onReading(index, reading));
    };
    clock.after(plan.joinsMs + between(outside, 0, REPORT_INTERVAL_MS), () => {
      report();
      clock.every(REPORT_INTERVAL_MS, report);
    });
  });

  let samples = 0;
  let sum = 0;
  let peak = 1;
  let overloaded = 0;
  let calls = 0;
  clock.after(scenario.measuredFromMs, () => {
    clock.every(SAMPLE_INTERVAL_MS, () => {
      let [sessions, capacity, fullest] = [0, 0, 0];
      for (const state of sfus) {
        if (!state.isUp) continue;
        sessions += state.sessions;
        capacity += state.plan.capacity;
        fullest = Math.max(fullest, state.sessions / state.plan.capacity);
        calls += state.sizes.size;
        if (state.sessions > state.plan.capacity) overloaded += state.sizes.size;
      }
      if (sessions < MEASURED_FROM_SHARE * capacity) return;
      const imbalance = fullest / (sessions / capacity);
      samples++;
      sum += imbalance;
      peak = Math.max(peak, imbalance);
    });
  });

  clock.runUntil(scenario.endMs);
  return {
    meanImbalance: sum / samples,
    peakImbalance: peak,
    overloaded: overloaded / Math.max(1, calls),
    splits,
    turnedAway,
  };
}

/** The processors are busy in proportion to the sessions, and with other things; the memory is so to a lesser part. */
function read(state: SfuState, atMs: number, tellsHost: boolean, random: Random): Reading {
  const share = state.sessions / state.plan.capacity;
  const cpu = Math.min(1, Math.max(0, 0.04 + 0.85 * share + 0.03 * normal(random)));
  const memory = Math.min(1, Math.max(0, 0.25 + 0.4 * share + 0.01 * normal(random)));
  return {
    sessions: state.sessions,
    conferences: Array.from(state.sizes, ([{ conference }, size]) => ({
      size,
      beganMs: conference.members[0]?.joinMs ?? 0,
    })),
    cpu: tellsHost ? cpu : null,
    memory: tellsHost ? memory : null,
    atMs,
  };
}

function decrease<Key>(counts: Map<Key, number>, key: Key): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random();
}
