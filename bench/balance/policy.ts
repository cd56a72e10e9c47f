import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Clock, Random } from "../../lib/clock.ts";
import type { SfuPlan } from "./scenarios.ts";

/** What an SFU tells of itself every ten seconds, as much as any of the policies wants to know. */
export interface Reading {
  readonly sessions: number;
  /** The participants of each of its conferences, and when it began. */
  readonly conferences: readonly { readonly size: number; readonly beganMs: number }[];
  /** Shares from 0 to 1; null where the scenario's SFUs do not tell them. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly atMs: number;
}

/** What places conferences. SFUs are known by their place in the fleet. */
export interface Policy {
  /**
   * @param ask whether the SFU answers: one that has just died does not, and nobody knows it yet
   * @returns null where the call is turned away
   */
  place(placement: Placement, ask: (sfu: number) => boolean): number | null;
  /** An SFU is in the fleet and answers, or does not any more. */
  onHealth(sfu: number, isUp: boolean): void;
  onReading(sfu: number, reading: Reading): void;
  /** A participant has come to an SFU. */
  onMember(sfu: number): void;
}

export interface PolicyTools {
  readonly fleet: readonly SfuPlan[];
  readonly clock: Clock;
  readonly random: Random;
}

export type PolicyFactory = (tools: PolicyTools) => Policy;
