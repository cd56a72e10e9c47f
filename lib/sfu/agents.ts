import { type ClientRequest, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { createSecureContext, getCACertificates, type SecureContext, TLSSocket } from "node:tls";
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { watchHandshake } from "./tls-failures.ts";

/** Connections that are kept for the next request, by scheme. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Closes all connections that are idle, and those in use as soon as they are. */
  retire(): void;
  /** Closes all connections. */
  close(): void;
}

export interface AgentsSettings {
  readonly clock: Clock;
  /** How long a connection may be idle before it is closed on this side, in milliseconds; 0 keeps none. */
  readonly idleMs: number;
  /** Whom to believe; null for the usual authorities. */
  readonly trust: SecureContext | null;
}

/**
 * A connection is not used for longer than this, in milliseconds: it was made to where the name led, and by the certificate
 * that was shown, at its beginning.
 */
export const MAX_AGE_MS = 30_000;

/** Twice what can be registered. */
const MAX_ORIGINS = 20_000;

/** Where a connection goes. */
interface Origin {
  readonly name: string;
  readonly bornMs: number;
  /**
   * Whether nobody was asked there for as long as a connection is kept, as in a large fleet: it would not be used again, and
   * hundreds would be open for nothing.
   */
  readonly isSeldomAsked: boolean;
  /** Whether nothing is under way on the connection; null until that is so for the first time. */
  isIdle: boolean | null;
}

export function createAgents({ clock, idleMs, trust }: AgentsSettings): Agents {
  const options = idleMs === 0 ? {} : { keepAlive: true, timeout: idleMs };
  const http = new HttpAgent(options);
  // In a session that is resumed nobody looks at the certificate again, and it may have expired since, or be another one.
  const https = new HttpsAgent({
    ...options,
    maxCachedSessions: 0,
    ...(trust === null ? {} : { secureContext: trust }),
  });
  const origins = new WeakMap<Duplex, Origin>();
  const askedAtMs = new LRUCache<string, number>({ max: MAX_ORIGINS });
  let isRetired = false;

  for (const agent of [http, https]) {
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (target, callback) => {
      const connection = create(target, callback);
      if (!(connection instanceof Object)) return connection;
      const name = `${target.host ?? ""}:${String(target.port)}`;
      const bornMs = clock.monotonic();
      const isSeldomAsked = bornMs - (askedAtMs.peek(name) ?? bornMs) > idleMs;
      origins.set(connection, { name, bornMs, isSeldomAsked, isIdle: null });
      askedAtMs.set(name, bornMs);
      if (connection instanceof TLSSocket) watchHandshake(connection, nameOf(target), clock);
      return connection;
    };
    const keep = agent.keepSocketAlive.bind(agent) as (connection: Duplex) => boolean;
    // It is the answer that counts, of which the types know nothing.
    agent.keepSocketAlive = (connection: Duplex): boolean => {
      const origin = origins.get(connection);
      if (origin === undefined || isRetired) return false;
      const nowMs = clock.monotonic();
      askedAtMs.set(origin.name, nowMs);
      if (origin.isSeldomAsked || nowMs - origin.bornMs >= MAX_AGE_MS || !keep(connection)) return false;
      // Node would look for it among all that are idle, which with a fleet of thousands is a fifth of all that is done.
      if (origin.isIdle === null) {
        connection.removeAllListeners("timeout").on("timeout", () => {
          if (origin.isIdle === true) connection.destroy();
        });
      }
      origin.isIdle = true;
      return true;
    };
    const reuse = agent.reuseSocket.bind(agent);
    agent.reuseSocket = (connection: Duplex, request: ClientRequest): void => {
      const origin = origins.get(connection);
      if (origin !== undefined) origin.isIdle = false;
      reuse(connection, request);
    };
  }

  return {
    http,
    https,
    retire() {
      isRetired = true;
      for (const { freeSockets } of [http, https]) {
        for (const connection of Object.values(freeSockets).flat()) connection?.destroy();
      }
    },
    close() {
      http.destroy();
      https.destroy();
    },
  };
}

/** @param ca authorities to believe beside the usual ones, PEM that can be read */
export function trustIn(ca: string): SecureContext {
  return createSecureContext({ ca: [...getCACertificates("default"), ca] });
}

/** Whom a connection is made to; Node has no name for an address. */
function nameOf(target: { readonly servername?: string; readonly host?: string | null | undefined }): string {
  const { servername, host } = target;
  return servername === undefined || servername === "" ? (host ?? "") : servername;
}
