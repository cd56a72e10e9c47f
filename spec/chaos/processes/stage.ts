import pLimit from "p-limit";
import { sleep, systemClock } from "../../../lib/clock.ts";
import { seeded } from "../../support/random.ts";
import { filesOf, perform, type Stage } from "./acts.ts";
import { type Call, startCalls } from "./calls.ts";
import { createConferences } from "./conferences.ts";
import type { Window } from "./fitness.ts";
import { type ChaosGateway, createGateway } from "./gateway.ts";
import { portForGood } from "./port.ts";
import type { Scenario } from "./scenarios.ts";
import { type ChaosSfu, type MadeChannel, startSfu } from "./sfu.ts";
import { type Starvation, watchStarvation } from "./starvation.ts";

export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Calls in a second. */
  readonly rate: number;
}

/** What was done, and all that was seen: what the oracle judges. */
export interface Seen {
  readonly scenario: Scenario;
  readonly options: RunOptions;
  readonly calls: readonly Call[];
  readonly sfus: readonly ChaosSfu[];
  readonly gateway: ChaosGateway;
  readonly made: ReadonlyMap<string, MadeChannel>;
  /** When some of them were kept from running: nothing that falls into one can be held against the gateway. */
  readonly stalls: readonly Window[];
  /** Reloads of something that is no configuration. */
  readonly badReloads: number;
  readonly failovers: number;
}

/** How often the gateway's memory and handles are looked at, in milliseconds. */
const LOOK_MS = 1000;

/** As long as a connection to an SFU may be idle (`lib/sfu/exchange.ts`), and a little more. */
const IDLE_MS = 4500;

/** A machine of two processors has enough to do with so many: those that run already shall not feel it. */
const STARTS_AT_A_TIME = 2;

const starting = pLimit(STARTS_AT_A_TIME);

/**
 * A gateway and its SFUs as processes, from their start to their end.
 *
 * @param signal ends it early
 * @throws the reason of `signal`, and where a process does not do what it is told
 */
export async function play(scenario: Scenario, options: RunOptions, signal?: AbortSignal): Promise<Seen> {
  const { seed, seconds, rate } = options;
  const made = new Map<string, MadeChannel>();
  const sfus: ChaosSfu[] = [];
  let gateway = null as ChaosGateway | null;
  const end = new AbortController();
  let starvation: Starvation | null = null;
  try {
    const started = await starting(async () => {
      const starts = Array.from({ length: scenario.sfus }, (_, index) => startSfu(index + 1, made));
      for (const start of await Promise.allSettled(starts)) if (start.status === "fulfilled") sfus.push(start.value);
      if (sfus.length < scenario.sfus) throw new Error("not every SFU process could be started");
      const created = (gateway = createGateway(await portForGood(), filesOf(sfus, 0)));
      await created.start();
      return created;
    });
    starvation = watchStarvation(systemClock, () => [process.pid, ...[started, ...sfus].map(({ pid }) => pid)]);

    const random = seeded(seed + 1);
    const steps = scenario.schedule(seconds * 1000, random);
    const stage: Stage = { sfus, gateway: started, reloads: 0, badReloads: 0, stops: [] };
    await started.look();
    const beginMs = systemClock.monotonic();
    const waitUntil = (atMs: number): Promise<void> =>
      sleep(systemClock, Math.max(0, beginMs + atMs - systemClock.monotonic()), signal);
    const load = startCalls({ port: started.port, rate, conferences: createConferences(String(seed), random) });
    const looking = lookAgainAndAgain(started, end.signal);
    let calls: readonly Call[];
    try {
      for (const { atMs, act } of steps) {
        await waitUntil(atMs);
        await perform(act, stage);
      }
      await waitUntil(seconds * 1000);
    } finally {
      calls = await load.stop();
    }
    end.abort(new Error("the scenario is over"));
    await looking;
    await sleep(systemClock, IDLE_MS);
    await started.look();
    const failovers = await started.failovers();
    await started.stop();
    const { badReloads, stops } = stage;
    const stalls = [...starvation.windows, ...stops];
    return { scenario, options, calls, sfus, gateway: started, made, stalls, badReloads, failovers };
  } finally {
    end.abort(new Error("the scenario is over"));
    starvation?.stop();
    await Promise.all([gateway?.close(), ...sfus.map((sfu) => sfu.close())]);
  }
}

async function lookAgainAndAgain(gateway: ChaosGateway, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(systemClock, LOOK_MS, signal).catch(() => undefined);
    // It may be away at this moment.
    await gateway.look().catch(() => undefined);
  }
}
