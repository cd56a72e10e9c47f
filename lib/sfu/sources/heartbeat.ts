import type { Clock } from "../../clock.ts";
import { GatewayError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Heartbeat } from "../registration/heartbeat.ts";
import type { Registry } from "../registry.ts";
import type { Sfu } from "../sfu.ts";

/** The SFUs that register themselves. */
export interface Heartbeats {
  /**
   * Takes in what an SFU says of itself; whoever calls this has checked that it may. Of an address that another source
   * names, only the load and a sign-off count.
   *
   * @throws {GatewayError} 403 `fleet_full`
   */
  take(heartbeat: Heartbeat): Taken;
  /** Whether the address is the operator's own choice, so that a heartbeat tells its load and nothing else. */
  isListed(address: string): boolean;
  /** Whether a heartbeat of this address, whatever its source, is younger than the TTL. */
  isFresh(address: string): boolean;
  /**
   * Has everybody who has registered leave who may not any more.
   *
   * @param check throws for an address that may not register
   */
  recheck(check: (address: string) => Promise<void>): Promise<void>;
  /** Nobody expires any more. */
  close(): void;
}

/** What the SFU is told. */
export interface Taken {
  /** How long the gateway believes in it without another heartbeat, in milliseconds. */
  readonly ttlMs: number;
  readonly draining: boolean;
}

export interface HeartbeatSettings {
  /** How long an SFU is believed to be up without another heartbeat, in milliseconds. */
  readonly ttlMs: number;
  /** How many sessions fill an SFU that does not say it by itself. */
  readonly maxSessions: number;
}

export interface HeartbeatsTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly settings: HeartbeatSettings;
}

/** Whoever has the registration key must not be able to fill the memory: each is probed, and has its metrics. */
export const MAX_REGISTERED = 10_000;

/** Silence for so many TTLs: it is not coming back, or as a new one. */
const FORGOTTEN_AFTER = 10;

/** Each that leaves costs every listener a moment, and a whole fleet may be silent at once. */
const FORGOTTEN_AT_ONCE = 25;

export function createHeartbeats({ clock, events, registry, settings: initial }: HeartbeatsTools): Heartbeats {
  let settings = initial;
  /** By address: what this source has put into the registry. */
  const registered = new Map<string, Sfu>();
  /** By address, whatever its source: when it was last heard of, in time that the gateway was awake. Oldest first. */
  const heardAtMs = new Map<string, number>();
  // A TTL that a reload has made shorter is seen to a second late at most.
  const sweepMs = Math.min(settings.ttlMs / 10, 1000);
  const awakeMs = createAwakeTime(clock, sweepMs);

  const unknown = (sfu: Sfu): void => registry.setHealth(sfu, { state: "unknown", sinceMs: clock.now() });

  const register = (said: Said): Sfu => {
    const present = registered.get(said.address);
    if (present === undefined && registered.size >= MAX_REGISTERED) {
      const message = `${String(MAX_REGISTERED)} SFUs have registered, and no more can`;
      throw new GatewayError("fleet_full", message, { status: 403 });
    }
    const sfu = toSfu(said, settings.maxSessions);
    if (present !== undefined && isSame(present, sfu)) return present;
    registered.set(sfu.address, sfu);
    registry.put(sfu);
    return sfu;
  };

  const listed = (address: string): Sfu | null => {
    const inForce = registry.get(address);
    return inForce?.source === "heartbeat" ? null : inForce;
  };

  const takeUp = (said: Said): Taken => {
    const sfu = listed(said.address) ?? register(said);
    heardAtMs.delete(sfu.address);
    heardAtMs.set(sfu.address, awakeMs());
    const { sessions, channels, cpuUsage: cpu, memoryUsage: memory } = said;
    registry.setReport(sfu, { sessions, channels, cpu, memory, atMs: clock.monotonic() });
    if (registry.health(sfu).state === "expired") unknown(sfu);
    return { ttlMs: settings.ttlMs, draining: registry.isDraining(sfu) };
  };

  const takeDown = (address: string): Taken => {
    forget(address);
    const sfu = registry.get(address);
    // One that is misconfigured is out as well, and its next probe would not ask for the key if it were down.
    if (sfu !== null && !["down", "misconfigured"].includes(registry.health(sfu).state)) {
      registry.setHealth(sfu, { state: "down", sinceMs: clock.now(), reason: "signed off" });
    }
    return { ttlMs: settings.ttlMs, draining: sfu !== null && registry.isDraining(sfu) };
  };

  const forget = (address: string): void => {
    heardAtMs.delete(address);
    registered.delete(address);
    registry.remove(address, "heartbeat");
  };

  const expire = (address: string): void => {
    const sfu = registry.get(address);
    if (sfu?.source !== "heartbeat" || registry.health(sfu).state === "expired") return;
    const reason = `has sent no heartbeat for ${String(settings.ttlMs / 1000)} s`;
    registry.setHealth(sfu, { state: "expired", sinceMs: clock.now(), reason });
  };

  const sweep = (): void => {
    const nowMs = awakeMs();
    let forgotten = 0;
    for (const [address, atMs] of heardAtMs) {
      const silentMs = nowMs - atMs;
      if (silentMs < settings.ttlMs) break;
      if (silentMs >= FORGOTTEN_AFTER * settings.ttlMs && forgotten < FORGOTTEN_AT_ONCE) {
        forgotten++;
        forget(address);
      } else expire(address);
    }
  };

  events.on("reconfigured", ({ to }) => {
    settings = { ttlMs: to.registration.ttlMs, maxSessions: to.balancing.maxSessions };
  });
  // A TTL is for those who live by their heartbeats alone.
  events.on("sfuChanged", ({ to }) => {
    if (to.source !== "heartbeat" && registry.health(to).state === "expired") unknown(to);
  });
  const stopSweeping = clock.every(sweepMs, sweep);

  return {
    take: (heartbeat) => (heartbeat.status === "up" ? takeUp(heartbeat) : takeDown(heartbeat.address)),
    isListed: (address) => listed(address) !== null,
    isFresh: (address) => awakeMs() - (heardAtMs.get(address) ?? -Infinity) < settings.ttlMs,
    async recheck(check) {
      await Promise.all(Array.from(registered.keys(), (address) => check(address).catch(() => forget(address))));
    },
    close: stopSweeping,
  };
}

type Said = Extract<Heartbeat, { readonly status: "up" }>;

function toSfu({ address, region, key, maxSessions }: Said, defaultMaxSessions: number): Sfu {
  return {
    address,
    region,
    source: "heartbeat",
    publicUrl: null,
    weight: 1,
    maxSessions: maxSessions ?? defaultMaxSessions,
    key,
    statsToken: null,
  };
}

function isSame(a: Sfu, b: Sfu): boolean {
  return a.region === b.region && a.maxSessions === b.maxSessions && a.key.equals(b.key);
}

/**
 * Milliseconds that the process was there to listen. While it is stopped, or its host is, nobody's heartbeat is heard,
 * and that is nobody's silence. To be asked every `intervalMs`, or more often.
 */
function createAwakeTime(clock: Clock, intervalMs: number): () => number {
  let lastMs = clock.monotonic();
  let stoppedMs = 0;
  return () => {
    const nowMs = clock.monotonic();
    const lateMs = nowMs - lastMs - intervalMs;
    if (lateMs > intervalMs) stoppedMs += lateMs;
    lastMs = nowMs;
    return nowMs - stoppedMs;
  };
}
