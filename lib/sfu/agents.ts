import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { createSecureContext, getCACertificates, type SecureContext, TLSSocket } from "node:tls";
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

export function createAgents({ clock, idleMs, trust }: AgentsSettings): Agents {
  const options = idleMs === 0 ? {} : { keepAlive: true, timeout: idleMs };
  const http = new HttpAgent(options);
  // In a session that is resumed nobody looks at the certificate again, and it may have expired since, or be another one.
  const https = new HttpsAgent({
    ...options,
    maxCachedSessions: 0,
    ...(trust === null ? {} : { secureContext: trust }),
  });
  const bornMs = new WeakMap<Duplex, number>();
  let isRetired = false;

  for (const agent of [http, https]) {
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (target, callback) => {
      const connection = create(target, callback);
      if (!(connection instanceof Object)) return connection;
      bornMs.set(connection, clock.monotonic());
      if (connection instanceof TLSSocket) watchHandshake(connection, nameOf(target), clock);
      return connection;
    };
    const keep = agent.keepSocketAlive.bind(agent) as (connection: Duplex) => boolean;
    // It is the answer that counts, of which the types know nothing.
    agent.keepSocketAlive = (connection: Duplex): boolean => {
      const ageMs = clock.monotonic() - (bornMs.get(connection) ?? -Infinity);
      return !isRetired && ageMs < MAX_AGE_MS && keep(connection);
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
