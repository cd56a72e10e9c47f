import { isIP } from "node:net";
import type { Secret } from "../../auth/secret.ts";
import type { Host } from "../../config/config.ts";
import { toError } from "../../errors.ts";
import { ReplyError } from "./failure.ts";

/** To one server. Has no time limit of its own: that is for whoever waits. */
export interface Connection {
  /** @throws {ReplyError}, or whatever has ended the connection */
  send(args: readonly string[]): Promise<unknown>;
  destroy(): void;
}

export interface Access {
  readonly username: string | null;
  readonly password: Secret | null;
  readonly database: number;
  /** Whom to believe, PEM; null without TLS. */
  readonly authorities: readonly string[] | null;
}

/** What a connection's life is bound to. */
export interface Life {
  /** Destroys it, ready or not, with all that was sent over it. */
  readonly signal: AbortSignal;
  /** Called when it is lost in any other way, once it was there. */
  readonly onLost: (error: Error) => void;
}

/** In milliseconds, for TCP and TLS. */
const CONNECT_TIME_MS = 1000;

/**
 * Loaded only where there is a store to connect to: it costs a tenth of a second and 10 MB. And one client is made once, to be
 * copied: `createClient` makes a class of several hundred commands for each new host or password, which takes the event loop
 * some 40 ms, and keeps the options as text.
 */
async function load() {
  const { createClient, ErrorReply } = await import("@redis/client");
  return { ErrorReply, template: createClient({ RESP: 2 }) };
}

let loaded: ReturnType<typeof load> | null = null;

/** Resolves when the server has answered: one that hangs accepts connections as well. */
export async function connect(host: Host, access: Access, { signal, onLost }: Life): Promise<Connection> {
  const { template, ErrorReply } = await (loaded ??= load());
  const toOwn = (thrown: unknown): Error =>
    thrown instanceof ErrorReply ? new ReplyError(thrown.message) : toError(thrown);
  const { username, password, database, authorities } = access;
  const client = template.duplicate({
    socket: {
      host: host.host,
      port: host.port,
      connectTimeout: CONNECT_TIME_MS,
      reconnectStrategy: false,
      ...(authorities === null
        ? {}
        : { tls: true, ca: [...authorities], ...(isIP(host.host) === 0 ? { servername: host.host } : {}) }),
    },
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password: password.reveal() }),
    ...(database === 0 ? {} : { database }),
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    clientInfoTag: "sfu-gateway",
    // Of the library's own: it ends nothing that has been sent, and would cost a timer a command.
    commandOptions: { timeout: 0 },
  });
  // The gateway runs for the sake of its callers, and whoever waits for an answer has a timer.
  client.unref();

  let isReady = false;
  let isOver = false;
  const destroy = (): void => {
    isOver = true;
    signal.removeEventListener("abort", destroy);
    client.destroy();
  };

  return new Promise((resolve, reject) => {
    client.on("error", (error: unknown) => {
      reject(toOwn(error));
      if (isOver) return;
      destroy();
      if (isReady) onLost(toOwn(error));
    });
    // One that is destroyed while it connects does not know its socket yet.
    client.on("connect", () => {
      if (isOver) client.destroy();
    });
    if (signal.aborted) {
      destroy();
      reject(toError(signal.reason));
      return;
    }
    signal.addEventListener("abort", destroy, { once: true });
    signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true });
    client.connect().then(
      () => {
        isReady = true;
        const send = (args: readonly string[]): Promise<unknown> =>
          client.sendCommand(args).catch((error: unknown) => {
            throw toOwn(error);
          });
        resolve({ send, destroy });
      },
      (error: unknown) => {
        destroy();
        reject(toOwn(error));
      },
    );
  });
}
