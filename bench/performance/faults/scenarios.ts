import type { Fault } from "../../../lib/simulator/sfu.ts";

/** What is done to an SFU while a scenario's fault is on. */
export type Harm =
  /** SIGKILL; healed by another process on the same port, which stands by. */
  | { readonly kind: "kill" }
  /** SIGSTOP: the kernel accepts connections, and nobody answers. */
  | { readonly kind: "pause" }
  | { readonly kind: "misbehave"; readonly fault: Fault }
  /** Closes its port and opens it again, for so many milliseconds each; as long as it is on. */
  | { readonly kind: "flap"; readonly everyMs: number };

const misbehave = (fault: Fault): Harm => ({ kind: "misbehave", fault });

/** By the name that it has in the tables. */
export const HARMS = {
  refuse: { kind: "kill" },
  flapping: { kind: "flap", everyMs: 5000 },
  reset: misbehave({ kind: "reset" }),
  hang: { kind: "pause" },
  "500": misbehave({ kind: "status", status: 500 }),
  "slow 2 s": misbehave({ kind: "slow", delayMs: 2000 }),
  garbage: misbehave({ kind: "garbage" }),
  "worker hang": misbehave({ kind: "worker_hang" }),
} as const satisfies Record<string, Harm>;

export type FaultName = keyof typeof HARMS;

export const SFUS = 3;

export interface Scenario {
  readonly fault: FaultName;
  /** The places of the SFUs that it befalls, from 0. */
  readonly victims: readonly number[];
}

/** How long each part of a scenario lasts, in milliseconds. */
export interface Pace {
  readonly perSecond: number;
  readonly healthyMs: number;
  readonly faultMs: number;
  /** Of flapping, which is down, well and down again meanwhile. */
  readonly flappingMs: number;
  /** How long one waits for the SFU to be used again, at the most. */
  readonly backMs: number;
}

const NAMES = Object.keys(HARMS) as readonly FaultName[];

/** Each fault for one SFU and for two, not the same ones each time: those may not yet have all of their share again. */
export function allScenarios(): readonly Scenario[] {
  const closing = NAMES.filter(closesPort);
  const others = NAMES.filter((name) => !closesPort(name));
  return [closing, others]
    .flatMap((faults) => [1, 2].flatMap((count) => faults.map((fault) => ({ fault, count }))))
    .map(({ fault, count }, number) => {
      return { fault, victims: Array.from({ length: count }, (_, index) => (number + index) % SFUS) };
    });
}

/** Whether whoever calls the SFU meanwhile is refused by the kernel, so that nobody there can count him. */
export function closesPort(fault: FaultName): boolean {
  return ["kill", "flap"].includes(HARMS[fault].kind);
}

/**
 * Who plays what at the same time: each peer begins elsewhere in the list, so that no two of them have closed ports at once.
 * Refused connections are counted by the kernel for all together.
 *
 * @returns for each turn, the scenario of each peer
 * @throws {RangeError} where there are too many peers for that
 */
export function turnsOf(scenarios: readonly Scenario[], peers: number): readonly (readonly Scenario[])[] {
  const shift = Math.floor(scenarios.length / Math.max(1, peers));
  return scenarios.map((_, turn) => {
    const played = Array.from({ length: peers }, (__, peer) => scenarios[(turn + peer * shift) % scenarios.length]);
    const found = played.filter((scenario) => scenario !== undefined);
    if (found.filter(({ fault }) => closesPort(fault)).length > 1) throw new RangeError("too many peers at once");
    return found;
  });
}
