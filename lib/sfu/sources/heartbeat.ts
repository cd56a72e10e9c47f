import type { Clock } from "../../clock.ts";
import { GatewayError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Heartbeat } from "../registration/heartbeat.ts";
import type { Registry } from "../registry.ts";
import type { Sfu } from "../sfu.ts";
import { createListening } from "./listening.ts";

/** The SFUs that register themselves. */
export interface Heartbeats {
  /**
   * Takes in what an SFU says of itself; whoever calls this has checked that it may. Of an address that another source
   * names, only the load and a sign-off count.
   *
   * @throws {GatewayError} 403 `fleet_full`
   */
  take(heartbeat: Heartbeat): Taken;
  /**
   * Takes in what an SFU has told another gateway, as if it had told this one at that time. What has been overtaken by
   * something younger changes nothing.
   *
   * @param saidAtMs when it did, on the clock's monotonic scale
   * @throws {GatewayError} 403 `fleet_full`
   */
  hear(heartbeat: Heartbeat, saidAtMs: number): void;
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
  /** Whether the other gateways cannot be heard now; never where there are none. */
  readonly isAway?: () => boolean;
}

/** Whoever has the registration key must not be able to fill the memory: each is probed, and has its metrics. */
export const MAX_REGISTERED = 10_000;

/** Silence for so many TTLs: it is not coming back, or as a new one. */
export const FORGOTTEN_AFTER = 10;

/** Each that leaves costs every listener a moment, and a whole fleet may be silent at once. */
const FORGOTTEN_AT_ONCE = 25;

/** How exactly the age of what another gateway has heard is known. Within that, a sign-off was the SFU's last word. */
const EXACT_MS = 100;

/** The last heartbeat of an SFU. */
interface Heard {
  /** On the clock's monotonic scale: what comes in late undoes nothing. */
  readonly saidAtMs: number;
  /** In time that somebody listened. */
  readonly listeningMs: number;
  /** Whether other gateways hear of it, too: so it may be heard of where this one does not. */
  readonly isShared: boolean;
}

export function createHeartbeats(tools: HeartbeatsTools): Heartbeats {
  const { clock, events, registry, settings: initial, isAway = () => false } = tools;
  let settings = initial;
  /** By address: what this source has put into the registry. */
  const registered = new Map<string, Sfu>();
  /** By address, whatever its source. */
  const heard = new Map<string, Heard>();
  /** By address: when it did, on the clock's monotonic scale. Of those that have not been heard of since, oldest first. */
  const signedOffAtMs = new Map<string, number>();
  // A TTL that a reload has made shorter is seen to a second late at most.
  const sweepMs = Math.min(settings.ttlMs / 10, 1000);
  const listening = createListening(clock, sweepMs, isAway);

  const listeningMs = (isShared: boolean): number => (isShared ? listening.anywhere() : listening.here());
  const silentMs = (one: Heard): number => listeningMs(one.isShared) - one.listeningMs;
  const isFresh = (address: string): boolean => {
    const last = heard.get(address);
    return last !== undefined && silentMs(last) < settings.ttlMs;
  };

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

  const takeUp = (said: Said, saidAtMs: number, isShared: boolean): Sfu => {
    const sfu = listed(said.address) ?? register(said);
    const last = heard.get(sfu.address);
    const saidMs = listeningMs(isShared) - (clock.monotonic() - saidAtMs);
    // Of the time since, some may have been nobody's silence.
    const lastMs = last?.isShared === isShared ? last.listeningMs : -Infinity;
    heard.set(sfu.address, { saidAtMs, listeningMs: Math.max(saidMs, lastMs), isShared });
    signedOffAtMs.delete(sfu.address);
    const { sessions, channels, cpuUsage: cpu, memoryUsage: memory } = said;
    registry.setReport(sfu, { sessions, channels, cpu, memory, atMs: saidAtMs });
    if (!isFresh(sfu.address)) expire(sfu.address);
    else if (registry.health(sfu).state === "expired") unknown(sfu);
    return sfu;
  };

  const takeDown = (address: string, saidAtMs: number): Sfu | null => {
    forget(address);
    signedOffAtMs.delete(address);
    signedOffAtMs.set(address, saidAtMs);
    const [oldest] = signedOffAtMs.keys();
    if (signedOffAtMs.size > MAX_REGISTERED && oldest !== undefined) signedOffAtMs.delete(oldest);
    const sfu = registry.get(address);
    // One that is misconfigured is out as well, and its next probe would not ask for the key if it were down.
    if (sfu !== null && !["down", "misconfigured"].includes(registry.health(sfu).state)) {
      registry.setHealth(sfu, { state: "down", sinceMs: clock.now(), reason: "signed off" });
    }
    return sfu;
  };

  const isOvertaken = ({ status, address }: Heartbeat, saidAtMs: number): boolean => {
    const signedOffMs = signedOffAtMs.get(address);
    const lastMs = heard.get(address)?.saidAtMs ?? -Infinity;
    if (status === "down") return signedOffMs !== undefined || saidAtMs < lastMs - EXACT_MS;
    return saidAtMs < lastMs || (signedOffMs !== undefined && saidAtMs < signedOffMs + EXACT_MS);
  };

  const forget = (address: string): void => {
    heard.delete(address);
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
    const forgottenMs = FORGOTTEN_AFTER * settings.ttlMs;
    const [hereMs, anywhereMs] = [listening.here(), listening.anywhere()];
    let forgotten = 0;
    for (const [address, { listeningMs: lastMs, isShared }] of heard) {
      const ms = (isShared ? anywhereMs : hereMs) - lastMs;
      if (ms < settings.ttlMs) continue;
      if (ms >= forgottenMs && forgotten < FORGOTTEN_AT_ONCE) {
        forgotten++;
        forget(address);
      } else expire(address);
    }
    for (const [address, atMs] of signedOffAtMs) {
      if (clock.monotonic() - atMs < forgottenMs) break;
      signedOffAtMs.delete(address);
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
    take(heartbeat) {
      const { status, address } = heartbeat;
      const nowMs = clock.monotonic();
      // Once the others hear of it, it may say the next thing to them.
      const isShared = heard.get(address)?.isShared ?? false;
      const sfu = status === "up" ? takeUp(heartbeat, nowMs, isShared) : takeDown(address, nowMs);
      return { ttlMs: settings.ttlMs, draining: sfu !== null && registry.isDraining(sfu) };
    },
    hear(heartbeat, saidAtMs) {
      if (isOvertaken(heartbeat, saidAtMs)) return;
      if (heartbeat.status === "up") takeUp(heartbeat, saidAtMs, true);
      else takeDown(heartbeat.address, saidAtMs);
    },
    isListed: (address) => listed(address) !== null,
    isFresh,
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
