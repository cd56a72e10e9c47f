import type { Fault } from "../../../lib/simulator/sfu.ts";

/** What can be done to an SFU process. */
export type ProcessFault =
  /** SIGKILL; healed by a new start on the same port, without the channels. */
  | { readonly kind: "kill" }
  /** SIGSTOP: the kernel accepts connections, and nobody answers. */
  | { readonly kind: "pause" }
  /** SIGSTOP with a full queue: the kernel drops each attempt to connect, like a host that is gone. */
  | { readonly kind: "unreachable" }
  /** The process lives and misbehaves. */
  | { readonly kind: "misbehave"; readonly fault: Fault };

const misbehave = (fault: Fault): ProcessFault => ({ kind: "misbehave", fault });
const json = (value: unknown): ProcessFault => misbehave({ kind: "garbage", body: JSON.stringify(value) });

const UUID = "00000000-0000-4000-8000-000000000000";

/** The families of the issue. */
export const FAULTS = {
  dead: [{ kind: "kill" }, misbehave({ kind: "refuse" }), misbehave({ kind: "reset" })],
  hanging: [
    { kind: "pause" },
    misbehave({ kind: "worker_hang" }),
    { kind: "unreachable" },
    misbehave({ kind: "hang" }),
    misbehave({ kind: "slow", delayMs: 5000 }),
    misbehave({ kind: "drip", intervalMs: 200, headers: true }),
  ],
  lying: [
    misbehave({ kind: "garbage" }),
    misbehave({ kind: "unauthorized" }),
    json({ uuid: 7, url: ["http://127.0.0.1"] }),
    json({ uuid: UUID, url: "javascript:alert(1)" }),
    misbehave({ kind: "status", status: 500 }),
    misbehave({ kind: "status", status: 404 }),
    misbehave({ kind: "huge" }),
    misbehave({ kind: "redirect" }),
    json({ uuid: "", url: "http://127.0.0.1" }),
    json(null),
  ],
} as const satisfies Record<string, readonly ProcessFault[]>;

export const ALL_FAULTS: readonly ProcessFault[] = Object.values(FAULTS).flat();

/** Slow, and yet in time: no reason not to serve. */
export const SLUGGISH: ProcessFault = misbehave({ kind: "slow", delayMs: 200 });

/** Whether an SFU serves calls all the same. */
export function isFitWith(fault: ProcessFault): boolean {
  return fault === SLUGGISH;
}

export function nameOf(fault: ProcessFault): string {
  if (fault.kind !== "misbehave") return fault.kind;
  const { kind } = fault.fault;
  return kind === "status" ? `status ${String(fault.fault.status)}` : kind;
}
