import type { Logger } from "pino";
import { roundedMs } from "./clock.ts";
import { messageOf } from "./describe-error.ts";
import type { Events } from "./events.ts";

/** Whatever it is: nothing has to be done here, for it is tried again all the time. */
const REMEDY = "`sfu-gateway check --live` asks it again from here";

/** What becomes of the store that several gateways share, a line for each change. */
export function logStore(events: Events, logger: Logger): void {
  /** Why it is away; null where it is not. */
  let whyAway: string | null = null;
  let company: readonly string[] | null = null;
  events.on("store", ({ isAway, error, forMs }) => {
    const before = whyAway;
    whyAway = !isAway ? null : error === null ? "cannot be used" : messageOf(error);
    // Who comes back at what moment says nothing of who had gone.
    company = null;
    if (whyAway !== null) {
      if (whyAway === before) return;
      const reason = whyAway;
      const cost = "this gateway goes on by itself, and a call that begins at several gateways may be split";
      const what = before === null ? `away: it ${reason}; ${cost}` : `still away: it now ${reason}`;
      logger.warn({ reason }, `the store is ${what}; ${REMEDY}`);
    } else {
      const seconds = roundedMs(forMs / 1000);
      logger.info({ seconds }, `the store is back after ${String(seconds)} s: the gateways share calls again`);
    }
  });

  events.on("instances", ({ instances: now }) => {
    if (whyAway !== null) return;
    const before = company;
    company = now;
    if (before?.join() === now.join()) return;
    logger.info({ instances: now.length }, describeCompany(before, now));
  });

  events.on("unreadable", ({ what }) => {
    const question = "do all gateways have the same SFU_GATEWAY_KEY, and does no other fleet use this [store] prefix?";
    logger.warn({ what }, `something in the store cannot be read with this gateway's keys: ${question}`);
  });
}

function describeCompany(before: readonly string[] | null, now: readonly string[]): string {
  const many =
    now.length === 1 ? "no other gateway shares the store" : `${String(now.length)} gateways share the store`;
  if (before === null) return now.length === 1 ? `the store can be used: ${many} yet` : many;
  const joined = now.filter((name) => !before.includes(name)).length;
  const left = before.filter((name) => !now.includes(name)).length;
  const changes = [...(joined > 0 ? [`${have(joined)} joined`] : []), ...(left > 0 ? [`${have(left)} left`] : [])];
  return [changes.join(", "), many].filter((part) => part !== "").join(": ");
}

function have(gateways: number): string {
  return gateways === 1 ? "1 gateway has" : `${String(gateways)} gateways have`;
}
