import type { Host } from "../../config/config.ts";
import type { Connection } from "./connection.ts";

/** Where commands go: one server, or the one of a cluster that has the key. */
export interface Endpoint {
  /** @throws {ReplyError}, or whatever has ended the connection */
  send(key: string, args: readonly string[]): Promise<unknown>;
  /** The same over a connection that nothing else waits for: for what blocks. */
  wait(key: string, args: readonly string[]): Promise<unknown>;
  /** @throws {StoreError} where it is known to be the wrong place by now, though it answers */
  check(): Promise<void>;
}

/**
 * Connects, for as long as the endpoint is used; the loss of any such connection is the endpoint's end.
 *
 * @param attempt aborted where it comes to nothing, and the connection has to go
 */
export type Dial = (host: Host, attempt?: AbortSignal) => Promise<Connection>;

/** Connects for a moment, to ask something; what becomes of that connection is nobody else's business. */
export type Visit = <T>(host: Host, ask: (connection: Connection) => Promise<T>) => Promise<T>;

export async function openSingle(host: Host, dial: Dial): Promise<Endpoint> {
  const attempt = new AbortController();
  try {
    const [commands, waiting] = await Promise.all([dial(host, attempt.signal), dial(host, attempt.signal)]);
    return {
      send: (_, args) => commands.send(args),
      wait: (_, args) => waiting.send(args),
      check: () => Promise.resolve(),
    };
  } catch (error) {
    // One of the two may stand, and another host be tried next.
    attempt.abort(error);
    throw error;
  }
}
