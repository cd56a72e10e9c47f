import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import Koa from "koa";
import { type Clock, turnsOfTheLoop } from "./clock.ts";
import type { GatewayError } from "./errors.ts";
import { QUEUE_LENGTH } from "./http/backlog.ts";
import { answerMalformed, describeMalformed, refuseRequest } from "./http/answer-malformed.ts";
import { type Connections, createConnections, type Cut } from "./http/connections.ts";
import type { GatewayMiddleware } from "./http/context.ts";
import type { TurnAway } from "./http/turn-away.ts";
import { badRequest, MAX_HEADERS, readHead } from "./http/read-head.ts";
import { SafeResponse } from "./http/security-headers.ts";

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
  /** How many connections there may be, asked for with each; any number unless it says so. */
  readonly maxConnections?: () => number;
  /** In the order in which a request meets them. */
  readonly middleware: readonly GatewayMiddleware[];
  readonly onConnection?: (socket: Socket) => void;
  /** Answers what the gateway cannot take on, ahead of the middleware, and has the rest served. */
  readonly turnAway?: TurnAway;
  /** A connection was cut for the sake of others. */
  readonly onCut?: (why: Cut, address: string) => void;
  /** What came was no request, or none to be relied on, and got no further. */
  readonly onRefused?: (refused: Refused) => void;
  readonly onError: (error: unknown) => void;
}

export interface Refused {
  readonly requestId: string;
  readonly refusal: GatewayError;
  readonly socket: Socket;
  /** Null where it could not be read. */
  readonly request: IncomingMessage | null;
}

export interface Server {
  /** How many connections are open. */
  readonly connections: number;
  /** @returns where it listens; @throws the system's error where it cannot */
  listen(): Promise<AddressInfo>;
  /** Takes no new connection, lets what is in flight finish within the grace, and cuts the rest. */
  close(): Promise<void>;
}

/** A caller that takes longer to send its few hundred bytes is none of ours. */
const REQUEST_TIME_MS = 10_000;

/** Of the names and values of one request's headers and of its target: Node's default, and odoo/sfu's. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Longer than the idle time of the usual proxies in front, so that it is never the gateway that closes first. */
const KEEP_ALIVE_MS = 75_000;

/**
 * libuv accepts one connection a turn of the event loop: a turn that brought none has found the kernel's queue empty. The
 * first may have begun before anybody looked.
 */
const QUIET_TURNS = 2;

const SHORT_TURN_MS = 0.1;

/** Beyond this there will always be somebody waiting: more come than can be let in. */
const QUEUE_MS = 1000;

/** To read what has come while the process was busy. */
const TURNS_TO_READ = 2;

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
  const { maxConnections = () => Infinity, onCut = () => undefined, onRefused = () => undefined } = options;
  const connections = createConnections({ clock: options.clock, max: maxConnections, onCut });
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    if (connections.isOver(socket)) return;
    connections.requested(request, response);
    const refusal = readHead(request);
    // Node's parser loses what follows an Upgrade, and what follows a refused head may be forged.
    if (refusal !== null || request.headers.upgrade !== undefined) connections.over(socket);
    if (refusal !== null) {
      const requestId = refuseRequest(refusal, request, response);
      onRefused({ requestId, refusal, socket, request });
      return;
    }
    if (connections.isOver(socket)) response.setHeader("Connection", "close");
    const serve = (): void => {
      if (request.headers.expect !== undefined && request.httpVersion === "1.1") response.writeContinue();
      void handle(request, response);
    };
    if (options.turnAway === undefined) serve();
    else options.turnAway(request, response, serve);
  };
  const refuse = (socket: Socket, refusal: GatewayError | null): void => {
    if (refusal === null) socket.destroy();
    else {
      connections.refuse(socket, () => {
        const requestId = answerMalformed(refusal, socket);
        onRefused({ requestId, refusal, socket, request: null });
      });
    }
  };
  const server = createServer(
    {
      ServerResponse: SafeResponse,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Refused here, in the form that all errors have.
      requireHostHeader: false,
      headersTimeout: requestTimeMs,
      requestTimeout: requestTimeMs,
      connectionsCheckingInterval: requestTimeMs / 10,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    onRequest,
  );
  // Beyond its own bound Node's parser drops headers, or gives up, by its version: one more shows that it was reached.
  server.maxHeadersCount = MAX_HEADERS + 1;
  server.on("checkContinue", onRequest);
  server.on("checkExpectation", onRequest);
  server.on("connect", (_: IncomingMessage, socket: Socket) => {
    // It is taken from the parser's hands, and with it from the one that has listened for errors.
    socket.on("error", () => socket.destroy());
    refuse(socket, badRequest("this is not a proxy"));
  });
  server.on("clientError", (error, socket: Socket) => {
    // Opened ahead of a request that never came: there is nothing to be answered.
    const isSilent = socket.bytesRead === 0;
    refuse(socket, isSilent ? null : describeMalformed(error));
  });
  server.on("connection", (socket: Socket) => {
    options.onConnection?.(socket);
    connections.opened(socket);
  });
  let unwatch = (): void => undefined;
  return {
    get connections() {
      return connections.open;
    },
    async listen() {
      const address = await listen(server, options);
      unwatch = connections.watch();
      return address;
    },
    async close() {
      await close(server, connections, options);
      unwatch();
    },
  };
}

function listen(server: HttpServer, options: ServerOptions): Promise<AddressInfo> {
  const { port, bind, reusePort = false, onError } = options;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: bind, reusePort, backlog: QUEUE_LENGTH }, () => {
      server.off("error", reject);
      // One connection that could not be accepted is no reason to end the others.
      server.on("error", onError);
      resolve(server.address() as AddressInfo);
    });
  });
}

/**
 * The kernel has accepted connections that Node has not seen yet, and would reset them with the listener. So would it those
 * that come between the last look and the end, which is why that turn has to be a short one.
 */
async function emptyQueue(server: HttpServer, clock: Clock): Promise<void> {
  shortenQueue(server);
  const untilMs = clock.monotonic() + QUEUE_MS;
  let quietTurns = 0;
  const onConnection = (): void => void (quietTurns = 0);
  server.on("connection", onConnection);
  for (let nowMs = clock.monotonic(); quietTurns < QUIET_TURNS && nowMs < untilMs;) {
    quietTurns++;
    await turnsOfTheLoop(1);
    const tookMs = clock.monotonic() - nowMs;
    if (tookMs > SHORT_TURN_MS) quietTurns = 0;
    nowMs += tookMs;
  }
  server.off("connection", onConnection);
}

/**
 * A busy process would never see the end of its queue. listen(2) on a socket that listens changes its backlog; whoever
 * finds no room knocks again after a second, by when he is refused, or somebody else listens there. Node has no door to
 * it but its own: without that, more of those who come now are reset.
 */
function shortenQueue(server: HttpServer): void {
  const { _handle: handle } = server as { readonly _handle?: { listen?(backlog: number): number } | null };
  handle?.listen?.(0);
}

async function cutSilent(connections: Connections): Promise<void> {
  await turnsOfTheLoop(TURNS_TO_READ);
  connections.cutSilent();
}

async function close(server: HttpServer, connections: Connections, { graceMs, clock }: ServerOptions): Promise<void> {
  const cancel = clock.after(graceMs(), () => server.closeAllConnections());
  await emptyQueue(server, clock);
  // Node takes a connection that was opened ahead of its first request for one that is sending it.
  const cancelSilent = clock.after(SILENCE_MS, () => void cutSilent(connections));
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  cancelSilent();
  cancel();
}
