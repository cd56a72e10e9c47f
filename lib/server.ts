import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import Koa from "koa";
import { type Clock, turnsOfTheLoop } from "./clock.ts";
import { answerMalformed } from "./http/answer-malformed.ts";
import type { GatewayMiddleware } from "./http/context.ts";

export interface ServerOptions {
  readonly clock: Clock;
  readonly port: number;
  readonly bind: string;
  /** How long a shutdown waits for what is in flight; asked for when it begins. */
  readonly graceMs: () => number;
  /** How long a caller may take to send a request, in milliseconds; 10,000 unless a spec has no time for that. */
  readonly requestTimeMs?: number;
  /** In the order in which a request meets them. */
  readonly middleware: readonly GatewayMiddleware[];
  readonly onConnection?: (socket: Socket) => void;
  readonly onError: (error: unknown) => void;
}

export interface Server {
  /** @returns where it listens; @throws the system's error where it cannot */
  listen(): Promise<AddressInfo>;
  /** Takes no new connection, lets what is in flight finish within the grace, and cuts the rest. */
  close(): Promise<void>;
}

/** A caller that takes longer to send its few hundred bytes is none of ours. */
const REQUEST_TIME_MS = 10_000;

/** Longer than the idle time of the usual proxies in front, so that it is never the gateway that closes first. */
const KEEP_ALIVE_MS = 75_000;

/** To accept what is in the queue, to read what was sent there, and some to spare. */
const TURNS_TO_SETTLE = 8;

export function createHttpServer(options: ServerOptions): Server {
  const koa = new Koa();
  for (const step of options.middleware) koa.use(step);
  koa.on("error", (error: unknown, { req }: Koa.Context) => {
    // A connection that the caller has reset shows here too, and is nothing that anybody could mend.
    if (req.socket.errored !== error) options.onError(error);
  });
  const handle = koa.callback();
  const { requestTimeMs = REQUEST_TIME_MS } = options;
  const server = createServer(
    {
      headersTimeout: requestTimeMs,
      requestTimeout: requestTimeMs,
      connectionsCheckingInterval: requestTimeMs / 10,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void handle(request, response),
  );
  server.on("clientError", answerMalformed);
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    options.onConnection?.(socket);
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  return {
    listen: () => listen(server, options),
    close: () => close(server, connections, options),
  };
}

function listen(server: HttpServer, { port, bind, onError }: ServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, bind, () => {
      server.off("error", reject);
      // One connection that could not be accepted is no reason to end the others.
      server.on("error", onError);
      resolve(server.address() as AddressInfo);
    });
  });
}

async function close(server: HttpServer, connections: Set<Socket>, { graceMs, clock }: ServerOptions): Promise<void> {
  const cancel = clock.after(graceMs(), () => server.closeAllConnections());
  // The kernel has accepted connections that Node has not seen yet, and would reset them with the listener.
  await turnsOfTheLoop(TURNS_TO_SETTLE);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    // Node takes a connection that was opened ahead of its first request for one that is sending it.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  });
  cancel();
}
