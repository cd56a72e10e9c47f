import type { Clock } from "../../clock.ts";
import { GatewayError, toError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { Post, Store } from "../../store/store.ts";
import type { AddressRules } from "../registration/address-rules.ts";
import { type Heartbeat, parseBody, toHeartbeat } from "../registration/heartbeat.ts";
import type { Registry } from "../registry.ts";
import { FORGOTTEN_AFTER, type Heartbeats, type Taken } from "./heartbeat.ts";

export interface RegistrationsTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Pick<Registry, "get">;
  readonly heartbeats: Heartbeats;
  readonly rules: Pick<AddressRules, "check">;
  readonly store: Pick<Store, "board">;
}

/** What SFUs say of themselves to any of the gateways, and all of them hear. */
export interface Registrations extends Pick<Heartbeats, "isListed"> {
  /**
   * As {@link Heartbeats.take}, and tells the others.
   *
   * @param body what the heartbeat was read from: a key does not show itself
   */
  take(heartbeat: Heartbeat, body: unknown): Taken;
  /** Resolves when all that has been heard from the others so far has been judged; names are waited for a moment only. */
  settled(): Promise<void>;
}

/**
 * What another gateway has taken in has had its token and its replay looked at there. Who may register is judged by each for
 * itself: its own rules, and what names resolve to where it is.
 */
export function createRegistrations(tools: RegistrationsTools): Registrations {
  const { clock, events, registry, heartbeats, rules, store } = tools;
  const underWay = new Set<Promise<void>>();

  const hear = async ({ name, text, ageMs }: Post): Promise<void> => {
    const saidAtMs = clock.monotonic() - ageMs;
    try {
      const heartbeat = read(name, text);
      if (heartbeat.status === "up" && !heartbeats.isListed(name)) await rules.check(name);
      heartbeats.hear(heartbeat, saidAtMs);
    } catch (error) {
      if (error instanceof GatewayError) events.emit("heartbeat", { outcome: error.code, address: name, error });
      else events.emit("unexpected", { where: "the registrations", error: toError(error) });
    }
  };

  store.board.on("registrations", (post) => {
    const judged = hear(post).finally(() => underWay.delete(judged));
    underWay.add(judged);
  });

  return {
    isListed: (address) => heartbeats.isListed(address),
    take(heartbeat, body) {
      const { status, address } = heartbeat;
      // Else whoever has the registration key could fill the store with farewells of nobody.
      const isOfInterest = status === "up" || registry.get(address) !== null;
      const taken = heartbeats.take(heartbeat);
      const text = JSON.stringify(status === "up" ? body : { status, address });
      if (isOfInterest) void store.board.post("registrations", address, text, FORGOTTEN_AFTER * taken.ttlMs);
      return taken;
    },
    async settled() {
      await Promise.all(underWay);
    },
  };
}

/** @throws {GatewayError} 400 `invalid_heartbeat` */
function read(name: string, text: string): Heartbeat {
  const heartbeat = toHeartbeat(parseBody(Buffer.from(text)));
  if (heartbeat.address === name) return heartbeat;
  throw new GatewayError("invalid_heartbeat", "it was posted under another address than its own", { status: 400 });
}
