import { sleep, systemClock } from "../../clock.ts";
import type { BreakerState } from "../../sfu/sfu.ts";
import type { SimulatedRequest } from "../../simulator/sfu.ts";
import { type CallOptions, type CallResult, createCaller } from "./caller.ts";
import type { Fleet, Pace } from "./fleet.ts";
import type { Narrator } from "./narrator.ts";

/** What happened, as it was measured. */
export interface StoryRecord {
  readonly calls: readonly CallResult[];
  /** Of breakers and of SFUs that go down and come back, in one row. */
  readonly transitions: readonly { readonly name: string; readonly to: BreakerState | "down" | "healthy" }[];
  /** Who was still out when the story ended. */
  readonly stillOut: readonly string[];
  readonly failovers: readonly string[];
  /** Of the joins of one conference at once: how many there were, and how many of them an SFU saw. */
  readonly together: { readonly joins: number; readonly upstream: number };
}

const SIMULTANEOUS_JOINS = 50;

/** How long the healed SFUs may take to get their calls again, as a multiple of the breakers' reset time. */
const PATIENCE = 4;

/**
 * Breaks one SFU, then a second, heals both, and calls all the while.
 *
 * @throws the reason of `signal` when that is aborted
 */
export async function play(fleet: Fleet, pace: Pace, narrator: Narrator, signal: AbortSignal): Promise<StoryRecord> {
  const caller = createCaller(fleet);
  const calls: CallResult[] = [];
  const transitions: { name: string; to: BreakerState | "down" | "healthy" }[] = [];
  const failovers: string[] = [];
  const open = new Set<string>();
  const down = new Set<string>();

  fleet.app.events.on("breaker", ({ sfu, from, to }) => {
    const name = fleet.nameOf(sfu.address);
    transitions.push({ name, to });
    if (to === "closed") open.delete(name);
    else open.add(name);
    narrator.breaker(name, from, to);
  });
  fleet.app.events.on("health", ({ sfu, from, to }) => {
    const name = fleet.nameOf(sfu.address);
    if (to.state === "down") down.add(name);
    else if (!down.delete(name)) return;
    const isDown = to.state === "down";
    transitions.push({ name, to: isDown ? "down" : "healthy" });
    narrator.health(
      name,
      isDown ? `is down: it ${to.reason}` : `is ${to.state} again, after it was ${from.state}`,
      isDown,
    );
  });
  fleet.app.events.on("failover", ({ from }) => failovers.push(from.error?.failure ?? "ok"));

  const call = async (options: CallOptions): Promise<void> => {
    const result = await caller.call(options);
    calls.push(result);
    narrator.call(result);
  };
  /** Callers do not wait for one another: that is what fills a hanging SFU. */
  const callWhile = async (goesOn: (made: number) => boolean): Promise<void> => {
    const underWay: Promise<void>[] = [];
    try {
      for (let made = 0; goesOn(made); made++) {
        underWay.push(call({ region: made % 4 === 3 ? "us-east-1" : "eu-west-3" }));
        await sleep(systemClock, pace.betweenCallsMs, signal);
      }
    } finally {
      await Promise.all(underWay);
    }
  };
  const callTimes = (count: number): Promise<void> => callWhile((made) => made < count);

  const [paris1, paris2, virginia1] = fleet.sfus;
  if (paris1 === undefined || paris2 === undefined || virginia1 === undefined) throw new Error("three SFUs are needed");

  narrator.line("The gateway and three simulated SFUs, over real sockets. Three of four calls come from eu-west-3.");
  for (const { name, region, sfu } of fleet.sfus) narrator.told(`${name.padEnd(10)} ${region}  ${sfu.address}`);
  narrator.told(`gateway    ${fleet.url}`);
  narrator.told(
    `an attempt may take ${seconds(pace.attemptTimeoutMs)}; a breaker looks at the last ${seconds(pace.windowMs)} ` +
      `and stays open for ${seconds(pace.resetTimeoutMs)}; each SFU is probed every ${seconds(pace.probeIntervalMs)}`,
  );

  narrator.chapter("1  All are well: each call stays in its region");
  await callTimes(8);

  narrator.chapter("2  paris-1 hangs: it takes connections and never answers");
  await paris1.sfu.break({ kind: "hang" });
  await callTimes(24);

  narrator.chapter("3  virginia-1 refuses connections, too: one SFU of three is left");
  await virginia1.sfu.break({ kind: "refuse" });
  await callTimes(24);

  narrator.chapter("4  Both are healed: probes find out, no call has to, and they get their share again");
  await Promise.all([paris1.sfu.heal(), virginia1.sfu.heal()]);
  const giveUpMs = systemClock.monotonic() + PATIENCE * pace.resetTimeoutMs;
  await callWhile(() => open.size + down.size > 0 && systemClock.monotonic() < giveUpMs);
  await callTimes(8);

  narrator.chapter(`5  ${String(SIMULTANEOUS_JOINS)} members join one conference at the same moment`);
  for (const { sfu } of fleet.sfus) sfu.clearRequests();
  const joins = Array.from({ length: SIMULTANEOUS_JOINS }, () =>
    caller.call({ conference: "https://odoo.example.com:channel:all-hands" }),
  );
  const together = await Promise.all(joins);
  calls.push(...together);
  const joined = ({ claims }: SimulatedRequest): boolean => claims?.iss !== undefined;
  const upstream = fleet.sfus.reduce((sum, { sfu }) => sum + sfu.requests.filter(joined).length, 0);
  const hosts = [...new Set(together.map(({ by }) => by ?? "nobody"))].join(", ");
  narrator.told(
    `${String(together.length)} answers, all from ${hosts}; requests that reached an SFU: ${String(upstream)}`,
  );

  const stillOut = [...new Set([...open, ...down])];
  return { calls, transitions, stillOut, failovers, together: { joins: SIMULTANEOUS_JOINS, upstream } };
}

function seconds(ms: number): string {
  return `${String(ms / 1000)} s`;
}
