import { type ChannelLie, isChannelLie, type StatsLie } from "./lies.ts";
import type { WireTrick } from "./wire.ts";

/**
 * A way in which the simulated SFU misbehaves. All but `status`, `unauthorized`, `worker_hang` and `lie` hit every route,
 * `wire` and `compressed` also one alone (`path`).
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
  | { readonly kind: "worker_hang" }
  /** 200 with JSON that is not what it should be, in place of a channel or of statistics; see lies.ts. */
  | { readonly kind: "lie"; readonly lie: ChannelLie | StatsLie }
  /** An answer that is wrong below all JSON, in the bytes of HTTP; see wire.ts. */
  | { readonly kind: "wire"; readonly trick: WireTrick; readonly path?: string }
  /** The proper body, with blanks up to so many bytes (1 MiB), compressed without having been asked. */
  | { readonly kind: "compressed"; readonly by: Compression; readonly bytes?: number; readonly path?: string }
  /**
   * An answer that nobody has asked for, on a connection that is kept: `first`, before any request, `{"result":"ok"}` as
   * noop has it; `later`, so long after the proper one, a channel called `UNASKED_UUID`.
   */
  | { readonly kind: "unasked"; readonly when: "first" }
  | { readonly kind: "unasked"; readonly when: "later"; readonly delayMs: number };

export type Compression = "gzip" | "deflate" | "br";

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
  lie: ["/v1/channel", "/v1/stats"],
  wire: null,
  compressed: null,
  unasked: null,
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
  lie: { kind: "lie", lie: "uuid_null" },
  wire: { kind: "wire", trick: "chunk_negative" },
  compressed: { kind: "compressed", by: "gzip" },
  unasked: { kind: "unasked", when: "first" },
};

/** A typical fault of that kind: one that no caller with Odoo's patience gets a channel through. */
export function exampleFault(kind: FaultKind): Fault {
  return examples[kind];
}

export function touches(fault: Fault, path: string): boolean {
  if (fault.kind === "lie") return path === (isChannelLie(fault.lie) ? "/v1/channel" : "/v1/stats");
  if ("path" in fault) return path === fault.path;
  const paths: readonly string[] | null = touched[fault.kind];
  return paths === null || paths.includes(path);
}
