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
  /** Whether other servers may listen there as well; false unless it says so. The kernel shares the connections out. */
  readonly reusePort?: boolean;
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

/**
 * libuv accepts one connection a turn of the event loop, so the kernel's queue is empty when a few turns in a row have
 * brought none, and by then what was sent there is read, too.
 */
const QUIET_TURNS = 8;

/** Who connects in order to ask, asks at once; a connection that is silent for longer was opened ahead of its request. */
const SILENCE_MS = 500;

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

function listen(server: HttpServer, options: ServerOptions): Promise<AddressInfo> {
  const { port, bind, reusePort = false, onError } = options;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: bind, reusePort }, () => {
      server.off("error", reject);
      // One connection that could not be accepted is no reason to end the others.
      server.on("error", onError);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** The kernel has accepted connections that Node has not seen yet, and would reset them with the listener. */
async function emptyQueue(server: HttpServer, mayWait: () => boolean): Promise<void> {
  let quietTurns = 0;
  const onConnection = (): void => void (quietTurns = 0);
  server.on("connection", onConnection);
  while (quietTurns++ < QUIET_TURNS && mayWait()) await turnsOfTheLoop(1);
  server.off("connection", onConnection);
}

async function close(server: HttpServer, connections: Set<Socket>, { graceMs, clock }: ServerOptions): Promise<void> {
  const untilMs = clock.monotonic() + graceMs();
  const cancel = clock.after(graceMs(), () => server.closeAllConnections());
  await emptyQueue(server, () => clock.monotonic() < untilMs);
  // Node takes a connection that was opened ahead of its first request for one that is sending it.
  const cancelSilent = clock.after(SILENCE_MS, () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  });
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  cancelSilent();
  cancel();
}
