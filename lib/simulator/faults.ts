/**
 * A way in which the simulated SFU misbehaves. All but `status`, `unauthorized` and `worker_hang` hit every route.
 * Delays and intervals are milliseconds of the simulator's clock.
 */
export type Fault =
  /** The port is closed: connections are refused, the existing ones destroyed. */
  | { readonly kind: "refuse" }
  /** Connections are accepted, each request draws a TCP RST. */
  | { readonly kind: "reset" }
  /** Requests are accepted and never answered, not even after healing; like SIGSTOP. */
  | { readonly kind: "hang" }
  /** The proper answer, late. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** The proper answer, the headers at once (or byte by byte too, with `headers`), then a byte of body an interval. */
  | { readonly kind: "drip"; readonly intervalMs: number; readonly headers?: boolean }
  /** `/v1/channel` answers this status with an empty body, whatever the token. */
  | { readonly kind: "status"; readonly status: number }
  /** As if the SFU had another key: no token passes. */
  | { readonly kind: "unauthorized" }
  /** 200 with a body that is not JSON, or with this one. */
  | { readonly kind: "garbage"; readonly body?: string }
  /** 200 with a body of so many bytes (1 MiB), streamed; valid JSON with `uuid` and `url`, so only its size is wrong. */
  | { readonly kind: "huge"; readonly bytes?: number }
  /** 302 to another host. */
  | { readonly kind: "redirect"; readonly location?: string }
  /** The media worker is stopped: noop and stats are fine, a valid join is never answered. */
  | { readonly kind: "worker_hang" };

export type FaultKind = Fault["kind"];

/** The paths that a fault touches, `null` for every path. */
const touched = {
  refuse: null,
  reset: null,
  hang: null,
  slow: null,
  drip: null,
  status: ["/v1/channel"],
  unauthorized: ["/v1/channel", "/v1/disconnect"],
  garbage: null,
  huge: null,
  redirect: null,
  worker_hang: ["/v1/channel"],
} satisfies Record<FaultKind, readonly string[] | null>;

/** Every kind, for tests that walk all of them. */
export const faultKinds = Object.keys(touched) as readonly FaultKind[];

const examples: { readonly [Kind in FaultKind]: Extract<Fault, { readonly kind: Kind }> } = {
  refuse: { kind: "refuse" },
  reset: { kind: "reset" },
  hang: { kind: "hang" },
  slow: { kind: "slow", delayMs: 5_000 },
  drip: { kind: "drip", intervalMs: 1_000 },
  status: { kind: "status", status: 500 },
  unauthorized: { kind: "unauthorized" },
  garbage: { kind: "garbage" },
  huge: { kind: "huge" },
  redirect: { kind: "redirect" },
  worker_hang: { kind: "worker_hang" },
};

/** A typical fault of that kind: one that no caller with Odoo's patience gets a channel through. */
export function exampleFault(kind: FaultKind): Fault {
  return examples[kind];
}

export function touches(fault: Fault, path: string): boolean {
  const paths: readonly string[] | null = touched[fault.kind];
  return paths === null || paths.includes(path);
}
