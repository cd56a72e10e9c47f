import { type Clock, type Cancel, turnsOfTheLoop, withDeadline } from "../../clock.ts";
import type { Environment } from "../../config/env.ts";
import { toError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { ServiceManager } from "./notify.ts";

/** Throws where this process does not do its work, with the reason as its message; must end with its signal. */
export type Check = (signal: AbortSignal) => Promise<void>;

export interface WatchdogParts {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly manager: Pick<ServiceManager, "alive">;
  readonly check: Check;
}

/** A check may take nearly its whole turn, so one that fails is followed by one more before the manager's time is up. */
const TURNS = 3;
const DEADLINE_SHARE = 0.9;

/**
 * Tells the service manager, three times within the time that it waits, that this process works: after `check` has
 * said so, and only then. What hangs, the event loop first of all, is thus restarted. Does nothing where nobody waits.
 */
export function startWatchdog({ env, clock, logger, manager, check }: WatchdogParts): Cancel {
  const patienceMs = watchdogMs(env, process.pid);
  if (patienceMs === null) return () => undefined;

  const intervalMs = patienceMs / TURNS;
  const timeoutMs = intervalMs * DEADLINE_SHARE;
  const onTimeout = (): Error => new Error(`no answer within ${String(Math.round(timeoutMs))} ms`);
  const ended = new AbortController();
  let isChecking = false;
  let isTroubled = false;

  const beat = async (): Promise<void> => {
    isChecking = true;
    try {
      await withDeadline({ clock, timeoutMs, signal: ended.signal, onTimeout }, check);
      if (isTroubled) logger.info("the watchdog's check is fine again");
      isTroubled = false;
      await manager.alive();
    } catch (error) {
      if (ended.signal.aborted) return;
      if (!isTroubled) {
        const fate = `after ${String(patienceMs)} ms of this the service manager restarts it`;
        logger.warn({ patienceMs }, `the watchdog's check fails: ${toError(error).message}; ${fate}`);
      }
      isTroubled = true;
    } finally {
      isChecking = false;
    }
  };
  const cancel = clock.every(intervalMs, () => {
    if (!isChecking) void beat();
  });
  return () => {
    cancel();
    ended.abort();
  };
}

/** The least that can be asked: the event loop goes round. */
export async function turning(): Promise<void> {
  await turnsOfTheLoop(1);
}

/** @returns how long the service manager waits for a sign of life; null where it does not, or not for this process */
export function watchdogMs(env: Environment, pid: number): number | null {
  const { WATCHDOG_USEC: micros = "", WATCHDOG_PID: who = "" } = env;
  if (!/^\d+$/.test(micros) || Number(micros) === 0) return null;
  return who === "" || who === String(pid) ? Number(micros) / 1000 : null;
}
