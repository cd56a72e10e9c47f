import fc from "fast-check";
import type { Config } from "../../../lib/config/config.ts";
import type { Report } from "../../../lib/sfu/report.ts";
import type { Admission, Health, Sfu } from "../../../lib/sfu/sfu.ts";
import { sfuOf } from "../../support/fleet.ts";

/** Everything that a configuration, a heartbeat or a list may say. */
const share = fc.oneof(fc.constantFrom(0, 1, 0.95), fc.double({ min: 0, max: 1, noNaN: true }));
const anyNumber = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(min, max), fc.double({ min, max, noNaN: true }));
const count = fc.oneof(fc.constantFrom(0, 1_000_000), fc.nat(1_000_000), fc.nat(100));

export const weights: fc.Arbitrary<Config["balancing"]["weights"]> = fc.record({
  sessions: anyNumber(0, 1000),
  cpu: anyNumber(0, 1000),
  memory: anyNumber(0, 1000),
  distance: anyNumber(0, 1000),
});

export const regions = fc.constantFrom(null, "eu-west-3", "us-east-1", "ap-southeast-1", "be", "the moon");

const health: fc.Arbitrary<Health> = fc
  .constantFrom(...(["unknown", "healthy", "failing", "down", "misconfigured", "expired"] as const))
  .map((state) => ({ state, sinceMs: 0, reason: "is so" }));

/** What is told of one SFU: all of it, or nothing at all. */
export type Told = Pick<Report, "sessions" | "cpu" | "memory">;
export const told: fc.Arbitrary<Told> = fc.record({
  sessions: count,
  cpu: fc.option(share),
  memory: fc.option(share),
});

/** What may stand between an SFU and a call. */
export interface Condition {
  readonly health: Health;
  readonly admits: Admission;
  readonly mayBeTried: boolean;
  readonly isDraining: boolean;
}

/** Half of them are well, or hardly anybody would ever be available. */
export const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant<Condition>({
    health: { state: "healthy", sinceMs: 0 },
    admits: "all",
    mayBeTried: true,
    isDraining: false,
  }),
  fc.record({
    health,
    admits: fc.constantFrom<Admission>("all", "assigned", "none"),
    mayBeTried: fc.boolean(),
    isDraining: fc.boolean(),
  }),
);

export interface Member extends Condition {
  readonly sfu: Sfu;
  readonly told: Told | null;
}

/** So many SFUs, no two of one address. */
export function fleetOf(minLength: number, maxLength: number): fc.Arbitrary<readonly Member[]> {
  const settings = fc.record({
    region: regions,
    weight: anyNumber(0.01, 100),
    maxSessions: fc.oneof(fc.constantFrom(1, 1_000_000), fc.integer({ min: 1, max: 2000 })),
  });
  const member = fc.record({ settings, condition, told: fc.option(told) });
  return fc
    .array(member, { minLength, maxLength })
    .map((members) =>
      members.map(({ settings, condition, told }, at) => ({ sfu: sfuOf(at, settings), ...condition, told })),
    );
}
