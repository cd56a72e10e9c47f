import { type Clock, type Random, sleep } from "../../clock.ts";
import type { AgentConfig, AgentSecrets } from "../../config/agent.ts";
import type { Stats } from "../../sfu/stats.ts";
import { backoff, jittered } from "./delays.ts";
import { isRefusal } from "./failure.ts";
import type { GatewayClient, SendBounds } from "./gateway.ts";
import { heartbeatOf, type Load, NO_LOAD, type Status } from "./heartbeat.ts";
import type { HostMeter } from "./host.ts";
import type { Journal } from "./journal.ts";
import { lingering } from "./lingering.ts";
import { PATIENCE, type StatsReader } from "./sfu.ts";

export interface RoundsParts {
  readonly config: AgentConfig;
  readonly secrets: AgentSecrets;
  readonly clock: Clock;
  readonly random: Random;
  readonly sfu: StatsReader;
  readonly gateway: GatewayClient;
  readonly host: HostMeter;
  readonly journal: Journal;
}

const HEARTBEAT_TIMEOUT_MS = 5000;

/** Of a shutdown: for the heartbeat on its way, which must not arrive after the sign-off, and for the sign-off. */
const LINGER_MS = 500;
const SIGN_OFF_TIMEOUT_MS = 1500;

interface State {
  /** What the gateway may believe, for all that has been sent. */
  announced: Status | null;
  /** The latest figures; null before the first. */
  load: Load | null;
  /** In a row. */
  failedReadings: number;
  /** In a row. */
  failedSends: number;
}

/** Reads the SFU and the host and tells the gateway, round by round until `signal` is aborted; then signs off. */
export async function runRounds(parts: RoundsParts, signal: AbortSignal): Promise<void> {
  const { config, secrets, clock, random, sfu, gateway, host, journal } = parts;
  const state: State = { announced: null, load: null, failedReadings: 0, failedSends: 0 };

  const send = async (status: Status, bounds: SendBounds): Promise<void> => {
    const load = state.load ?? NO_LOAD;
    const believedBefore = state.announced;
    // A heartbeat without an answer may have arrived all the same.
    if (status === "up") state.announced = "up";
    const outcome = await gateway.send(heartbeatOf(status, load, config, secrets), bounds);
    if (outcome.kind === "accepted") state.announced = status;
    else if (isRefusal(outcome)) state.announced = believedBefore;
    state.failedSends = outcome.kind === "accepted" ? 0 : state.failedSends + 1;
    journal.sent(status, load, outcome);
  };

  /** @returns whether all figures are there, older ones in place of those that cannot be read; none is made up */
  const measure = async ({ sessions, channels }: Stats): Promise<boolean> => {
    const figures = await host.measure(signal);
    const cpu = figures.cpu ?? state.load?.cpu;
    const memory = figures.memory ?? state.load?.memory;
    const isComplete = cpu !== undefined && memory !== undefined;
    if (isComplete) state.load = { sessions, channels, cpu, memory };
    journal.measured(figures, isComplete);
    return isComplete;
  };

  /** @returns what the gateway has to be told now, or null for nothing */
  const look = async (): Promise<Status | null> => {
    const reading = await sfu.read(signal);
    state.failedReadings = reading.kind === "failed" ? state.failedReadings + 1 : 0;
    journal.read(reading, state.failedReadings);
    switch (reading.kind) {
      case "stats":
        return (await measure(reading.stats)) ? "up" : null;
      // It is there and takes calls: nothing to sign off for, and nothing true to send.
      case "refused":
        return null;
      case "failed":
        return state.failedReadings >= PATIENCE && state.announced !== "down" ? "down" : null;
    }
  };

  /** @returns how long to wait for the next one, in milliseconds */
  const round = async (lastWords: AbortSignal): Promise<number> => {
    const startedAtMs = clock.monotonic();
    const status = await look();
    if (status !== null) await send(status, { timeoutMs: HEARTBEAT_TIMEOUT_MS, signal: lastWords });
    if (status !== null && state.failedSends > 0) return backoff(state.failedSends, config.intervalMs, random);
    return Math.max(0, jittered(config.intervalMs, random) - Math.round(clock.monotonic() - startedAtMs));
  };

  const linger = lingering(clock, signal, LINGER_MS);
  try {
    while (!signal.aborted) {
      const waitMs = await round(linger.signal);
      journal.waiting(waitMs);
      await sleep(clock, waitMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    linger.release();
  }
  journal.stopping();
  if (state.announced === "up") await send("down", { timeoutMs: SIGN_OFF_TIMEOUT_MS, signal: NEVER });
  journal.stopped(state.announced === "up");
}

const NEVER = new AbortController().signal;
