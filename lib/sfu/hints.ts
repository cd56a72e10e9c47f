import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { EventMap, Events } from "../events.ts";
import type { Heard, Store } from "../store/store.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

export interface HintsTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly store: Pick<Store, "instances" | "notices">;
  /** Probes an SFU now, if there is reason to. @returns whether it does */
  readonly look: (sfu: Sfu) => boolean;
}

/**
 * What gateways tell each other of SFUs in trouble. A hint has whoever hears it look for himself, and changes nothing by
 * itself: the trouble may be on the other's way to the SFU.
 */
export interface Hints {
  /** A probe of this gateway has failed. */
  probeFailed(sfu: Sfu): void;
  /** Whether somebody has told of trouble, and this gateway has not looked since. */
  isOpen(sfu: Sfu): boolean;
  /** This gateway looks now. */
  answer(sfu: Sfu): void;
  /** Whether another gateway's breaker has opened within the reset time, and no call of this one has gone through since. */
  isSuspect(sfu: Sfu): boolean;
}

/**
 * A region that dies, or a gateway that has gone mad, must not make a storm of probes of its hints. Whoever is left out is
 * looked at when its turn comes.
 */
export const LOOKS_A_SECOND = 100;

/** Of one SFU. */
interface Trouble {
  /** Whether the others have been told that its probes fail, and it has not been well since. */
  isTold: boolean;
  isOpen: boolean;
  /** On the clock's monotonic scale. */
  suspectUntilMs: number;
}

export function createHints(initial: Pick<Config, "health" | "breaker">, tools: HintsTools): Hints {
  const { clock, events, registry, store, look } = tools;
  let { resetTimeoutMs } = initial.breaker;
  let { intervalMs } = initial.health;
  events.on("reconfigured", ({ to }) => {
    ({ resetTimeoutMs } = to.breaker);
    ({ intervalMs } = to.health);
  });

  /** By address, of those that are in the registry. */
  const troubles = new Map<string, Trouble>();
  const begin = ({ address }: Sfu): void => {
    troubles.set(address, { isTold: false, isOpen: false, suspectUntilMs: -Infinity });
  };
  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuRemoved", ({ sfu }) => troubles.delete(sfu.address));
  for (const sfu of registry.all()) begin(sfu);

  const on = <Name extends "attempt" | "breaker" | "health">(
    name: Name,
    learn: (trouble: Trouble, event: EventMap[Name]) => void,
  ): void =>
    events.on(name, (event) => {
      const trouble = troubles.get(event.sfu.address);
      if (trouble !== undefined) learn(trouble, event);
    });

  const isSuspect = ({ suspectUntilMs }: Trouble): boolean => clock.monotonic() < suspectUntilMs;

  const tell = ({ address }: Sfu, isBreakerOpen: boolean): void => {
    if (store.instances().length > 1) store.notices.tell({ kind: "trouble", address, isBreakerOpen });
  };

  on("attempt", (trouble, { error }) => {
    if (error === null) trouble.suspectUntilMs = -Infinity;
  });
  on("breaker", (trouble, { sfu, from }) => {
    // Where a hint had its part in it, the others know.
    if (from === "closed" && !isSuspect(trouble)) tell(sfu, true);
  });
  on("health", (trouble, { to }) => {
    if (to.state === "healthy") trouble.isTold = false;
  });

  let secondMs = -Infinity;
  let looks = 0;
  const mayLook = (): boolean => {
    const nowMs = clock.monotonic();
    if (nowMs - secondMs >= 1000) {
      secondMs = nowMs;
      looks = 0;
    }
    return looks < LOOKS_A_SECOND;
  };

  const hear = ({ address, isBreakerOpen, ageMs }: Extract<Heard, { readonly kind: "trouble" }>): void => {
    const sfu = registry.get(address);
    const trouble = troubles.get(address);
    if (sfu === null || trouble === undefined) return;
    if (isBreakerOpen) {
      trouble.suspectUntilMs = Math.max(trouble.suspectUntilMs, clock.monotonic() + resetTimeoutMs - ageMs);
    }
    // Everybody looks for himself at what is not well; and so long ago is no news.
    if (registry.health(sfu).state !== "healthy" || ageMs >= intervalMs) return;
    trouble.isOpen = true;
    if (mayLook() && look(sfu)) looks++;
  };
  store.notices.on((notice) => {
    if (notice.kind === "trouble") hear(notice);
  });

  return {
    probeFailed(sfu) {
      const trouble = troubles.get(sfu.address);
      if (trouble === undefined || trouble.isTold) return;
      trouble.isTold = true;
      tell(sfu, false);
    },
    isOpen: ({ address }) => troubles.get(address)?.isOpen ?? false,
    answer({ address }) {
      const trouble = troubles.get(address);
      if (trouble !== undefined) trouble.isOpen = false;
    },
    isSuspect({ address }) {
      const trouble = troubles.get(address);
      return trouble !== undefined && isSuspect(trouble);
    },
  };
}
