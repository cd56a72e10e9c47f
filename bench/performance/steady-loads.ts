import type { TokenRange } from "./tokens.ts";

/** One way to ask. */
export interface Load {
  readonly name: "fresh" | "repeated" | "new connections" | "200/s" | "1000/s";
  /** 0 for as many as are answered. */
  readonly callsPerSecond: number;
  readonly keepsConnections: boolean;
  /** How many are asked for in turn. */
  readonly conferences: number;
  /** So many times others, so that none comes again before the gateway has forgotten it. */
  readonly sets: number;
  readonly seconds: number;
}

/** As many as wrk keeps busy by one thread. */
export const CONNECTIONS = 32;

const saturating = { callsPerSecond: 0, keepsConnections: true, sets: 3 } as const;

/** A round with five peers takes 50 s of them: three sets outlast the minute for which an assignment is kept. */
export const LOADS: readonly Load[] = [
  { ...saturating, name: "fresh", conferences: 30_000, seconds: 3 },
  { ...saturating, name: "repeated", conferences: 500, sets: 1, seconds: 2 },
  { ...saturating, name: "new connections", keepsConnections: false, conferences: 15_000, seconds: 2 },
  { ...saturating, name: "200/s", callsPerSecond: 200, conferences: 600, seconds: 2 },
  { ...saturating, name: "1000/s", callsPerSecond: 1000, conferences: 3000, seconds: 2 },
];

/** For a look whether everything works. */
export const BRIEF_LOADS: readonly Load[] = LOADS.filter(({ name }) => name !== "repeated" && name !== "200/s").map(
  (load) => ({ ...load, sets: 1, seconds: 1 }),
);

/** How many tokens all of them need. */
export function tokensFor(loads: readonly Load[]): number {
  return loads.reduce((sum, { conferences, sets }) => sum + conferences * sets, 0);
}

/** Which of these tokens are for one load in one round. */
export function rangeOf(load: Load, round: number, loads: readonly Load[]): TokenRange {
  const before = tokensFor(loads.slice(0, loads.indexOf(load)));
  return { first: before + (round % load.sets) * load.conferences, count: load.conferences };
}
