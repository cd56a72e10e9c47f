import type { Config } from "./config/config.ts";
import { type ErrorCode, type GatewayError, type SfuError, toError } from "./errors.ts";
import type { Cut } from "./http/connections.ts";
import type { Report } from "./sfu/report.ts";
import type { BreakerState, Health, Sfu } from "./sfu/sfu.ts";

/** One try at one SFU, ended. */
export interface AttemptEvent {
  readonly requestId: string;
  readonly sfu: Sfu;
  readonly durationMs: number;
  /** Null where it brought the channel. */
  readonly error: SfuError | null;
}

/** One request to `/v1/channel`, answered or given up. */
export interface ChannelRequestEvent {
  readonly requestId: string;
  readonly outcome: "ok" | ErrorCode;
  readonly status: number;
  readonly durationMs: number;
  /** A hash of the conference, null where the token told none. */
  readonly conference: string | null;
  readonly region: string | null;
  readonly country: string | null;
  readonly callerAddress: string;
  /** Null where nobody served it. */
  readonly servedBy: Sfu | null;
  /** Whether it was served by the attempts that another request for the same conference had begun. */
  readonly coalesced: boolean;
  readonly attempts: readonly AttemptEvent[];
  readonly error: Error | null;
}

/** One request to `/v1/disconnect`, answered or given up. */
export interface DisconnectEvent {
  readonly requestId: string;
  readonly outcome: "ok" | ErrorCode;
  readonly durationMs: number;
  readonly callerAddress: string;
  /** How many channels it named. */
  readonly channels: number;
  /** How many of them no SFU was known to have, so that all were asked. */
  readonly unknown: number;
  /** How many SFUs were not asked for those all the same, being down or expired. */
  readonly silent: number;
  /** The SFUs that were asked. */
  readonly asked: readonly Sfu[];
  /** Those that did not take it, and those that could not be asked in time. */
  readonly failed: readonly { readonly sfu: Sfu; readonly error: SfuError }[];
  readonly error: Error | null;
}

/** One request that was turned away before any SFU was asked, for what it is or who sends it. */
export interface RejectedEvent {
  readonly requestId: string;
  readonly reason: ErrorCode;
  readonly status: number;
  /** What the caller was told. */
  readonly message: string;
  readonly method: string;
  /** As it was sent: any text. */
  readonly path: string;
  readonly callerAddress: string;
}

/** What the keys of a kind open: channels, `/v1/sfu`, the admin routes. */
export type KeyKind = "odoo" | "registration" | "admin";

/** What the core tells whoever listens: metrics, logs. */
export interface EventMap {
  attempt: AttemptEvent;
  /** An attempt failed by the SFU's own fault: known at once, or once another SFU has served the same request. */
  fault: { readonly sfu: Sfu; readonly error: Error };
  /** The next candidate is asked, because `from` failed. */
  failover: { readonly from: AttemptEvent };
  channelRequest: ChannelRequestEvent;
  /** A request joined the attempts of another one. */
  coalesced: { readonly requestId: string };
  rejected: RejectedEvent;
  /** A connection to a caller was cut for the sake of others. */
  connectionCut: { readonly why: Cut; readonly address: string };
  /**
   * A request, for a channel or for anything else, was turned away because the gateway has too much to do; or its caller was
   * gone when its turn came.
   */
  turnedAway: { readonly isCall: boolean; readonly why: "too_busy" | "caller_gone" };
  /**
   * So many requests were turned away within the last second, for the gateway had too much to do; or, where that is over, in
   * all since it began `forMs` ago.
   */
  busy: { readonly turnedAway: number; readonly forMs: number; readonly inFlight: number; readonly isOver: boolean };
  breaker: { readonly sfu: Sfu; readonly from: BreakerState; readonly to: BreakerState };
  health: { readonly sfu: Sfu; readonly from: Health; readonly to: Health };
  sfuAdded: { readonly sfu: Sfu };
  /** Another entry is in force for the same address. */
  sfuChanged: { readonly from: Sfu; readonly to: Sfu };
  sfuRemoved: { readonly sfu: Sfu };
  /** An SFU's load is known anew. */
  report: { readonly sfu: Sfu; readonly report: Report };
  /** The statistics of an SFU cannot be read, or can again: `error` is null then. */
  statistics: { readonly sfu: Sfu; readonly error: SfuError | null };
  drain: { readonly sfu: Sfu; readonly isDraining: boolean };
  /** A heartbeat was taken in, or turned away. */
  heartbeat: {
    readonly outcome: "ok" | ErrorCode;
    /** As the body has it, null where that could not be read. */
    readonly address: string | null;
    /** Why it was turned away. */
    readonly error: GatewayError | null;
  };
  /**
   * The external list is another one than before, or a reading failed as the one before it did not (`error`), or the
   * list can be read again. `sfus` counts those of the last list that could be read, which stay in force.
   */
  externalList: { readonly sfus: number; readonly error: Error | null };
  /** Sessions were to be disconnected: what became of it, and who was asked. */
  disconnect: DisconnectEvent;
  /** Other settings are in force: to be heeded by whatever holds on to what it made of them. */
  reconfigured: { readonly from: Config; readonly to: Config };
  /** What was learnt by the former keys of this kind holds no more. */
  keysChanged: { readonly kind: KeyKind };
  /** Callers are limited by their addresses, and this one names another in X-Forwarded-For, where no proxy is trusted. */
  unknownProxy: { readonly address: string };
  /** The configuration was read anew, and taken, or left as it was for the `error`. Changes hold no secret. */
  configReload: { readonly changes: readonly string[]; readonly error: Error | null };
  /**
   * The store that several gateways share cannot be used any more, or still not, for this `error`; or can be again (null),
   * after `forMs` milliseconds.
   */
  store: { readonly isAway: boolean; readonly error: Error | null; readonly forMs: number };
  /** One command to the store has ended: on the way of a call, or beside it. */
  storeCommand: {
    readonly name: string;
    readonly durationMs: number;
    readonly outcome: "ok" | "timeout" | "error";
  };
  /** Gateways have joined those that share the store, or have left them: who is there now, this one among them. */
  instances: { readonly instances: readonly string[] };
  /** Something in the store was written with none of the gateway's keys: by whom it was not said. */
  unreadable: { readonly what: string };
  /** An error that nothing in the code accounts for. */
  unexpected: { readonly where: string; readonly error: Error };
}

export type Listener<T> = (payload: T) => void;

/**
 * Tells listeners what happened, in the order in which they came. A listener that throws harms neither the core nor
 * the others: a metric is never worth a call.
 */
export class Events {
  readonly #listeners = new Map<keyof EventMap, readonly unknown[]>();

  on<Name extends keyof EventMap>(name: Name, listener: Listener<EventMap[Name]>): void {
    this.#listeners.set(name, [...this.#of(name), listener]);
  }

  emit<Name extends keyof EventMap>(name: Name, payload: EventMap[Name]): void {
    for (const listener of this.#of(name)) {
      try {
        listener(payload);
      } catch (error) {
        if (name !== "unexpected") {
          this.emit("unexpected", { where: `a listener to ${name}`, error: toError(error) });
        }
      }
    }
  }

  /** `on` is the only way in, so a name's listeners are of that name's type. */
  #of<Name extends keyof EventMap>(name: Name): readonly Listener<EventMap[Name]>[] {
    return (this.#listeners.get(name) ?? []) as readonly Listener<EventMap[Name]>[];
  }
}
