import { type Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { SfuError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { SfuClient } from "./client.ts";
import type { Registry } from "./registry.ts";
import type { Health, Sfu } from "./sfu.ts";

/**
 * Learns from the attempts how the SFUs are. An answer that may mean a wrong key (401, and odoo/sfu's 500) draws the
 * side-effect-free key check, for the answer alone could as well be the request's fault; an SFU that fails the check
 * is out until it passes one.
 *
 * @returns what stops it
 */
export function watchAttempts(
  { intervalMs, timeoutMs }: Config["health"],
  { clock, events, registry, client }: { clock: Clock; events: Events; registry: Registry; client: SfuClient },
): () => void {
  const stopped = new AbortController();
  /** When each SFU was last checked: a flood of odd requests must not become one of checks. */
  const checkedAtMs = new Map<string, number>();
  const beingChecked = new Set<string>();

  const checkKey = async (sfu: Sfu): Promise<void> => {
    checkedAtMs.set(sfu.address, clock.monotonic());
    const result = await client.checkKey(sfu, { timeoutMs, signal: stopped.signal }).catch(onlySfuErrors);
    // No verdict on the key: whatever else is wrong is for the attempts to find out.
    if (result === null) return;
    // It may have left meanwhile, or have come back with another key.
    if (registry.get(sfu.address) !== sfu) return;
    const sinceMs = clock.now();
    const health: Health =
      result === "accepted"
        ? { state: "healthy", sinceMs }
        : { state: "misconfigured", sinceMs, reason: REASONS[result] };
    // A key that fits says nothing of what made the attempts fail.
    if (isMisconfigured(sfu) !== (health.state === "misconfigured")) registry.setHealth(sfu, health);
  };

  const isMisconfigured = (sfu: Sfu): boolean => registry.health(sfu).state === "misconfigured";

  const check = (sfu: Sfu): void => {
    const { address } = sfu;
    if (beingChecked.has(address)) return;
    beingChecked.add(address);
    checkKey(sfu)
      .catch((error: unknown) => events.emit("unexpected", { where: "the key check", error: toError(error) }))
      .finally(() => beingChecked.delete(address));
  };

  const learn = (sfu: Sfu, next: Health): void => {
    const current = registry.health(sfu);
    if (current.state !== "misconfigured" && !isSame(current, next)) registry.setHealth(sfu, next);
  };

  events.on("attempt", ({ sfu, error }) => {
    if (error === null) learn(sfu, { state: "healthy", sinceMs: clock.now() });
    const sinceCheckMs = clock.monotonic() - (checkedAtMs.get(sfu.address) ?? -Infinity);
    if (mayBeWrongKey(error) && sinceCheckMs >= intervalMs) check(sfu);
  });
  events.on("fault", ({ sfu, error }) => {
    learn(sfu, { state: "failing", sinceMs: clock.now(), reason: error.message });
  });
  events.on("sfuRemoved", ({ sfu }) => checkedAtMs.delete(sfu.address));
  const stopChecking = clock.every(intervalMs, () => {
    for (const sfu of registry.all()) if (isMisconfigured(sfu)) check(sfu);
  });

  return () => {
    stopChecking();
    stopped.abort(new SfuError("aborted", "the gateway is closing"));
  };
}

const REASONS = {
  refused: "refuses tokens signed with the key that the gateway has for it: a wrong key, or a clock that is off",
  "refused or broken": "answers 500 to its key check: a wrong key, a clock that is off, or it is broken",
} as const;

function onlySfuErrors(error: unknown): null {
  if (error instanceof SfuError) return null;
  throw error;
}

function mayBeWrongKey(error: SfuError | null): boolean {
  return error?.status === 401 || error?.status === 500;
}

/** «Since» stays where nothing has changed. */
function isSame(a: Health, b: Health): boolean {
  return a.state === b.state && (a.state !== "failing" || b.state !== "failing" || a.reason === b.reason);
}
