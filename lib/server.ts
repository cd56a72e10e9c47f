import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import type { Clock } from "./clock.ts";
import type { GatewayMiddleware } from "./http/context.ts";

export interface ServerOptions {
  readonly clock: Clock;
  readonly port: number;
  readonly bind: string;
  /** How long a shutdown waits for what is in flight. */
  readonly graceMs: number;
  /** In the order in which a request meets them. */
  readonly middleware: readonly GatewayMiddleware[];
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

export function createHttpServer(options: ServerOptions): Server {
  const koa = new Koa();
  for (const step of options.middleware) koa.use(step);
  koa.on("error", options.onError);
  const handle = koa.callback();
  const server = createServer(
    {
      headersTimeout: REQUEST_TIME_MS,
      requestTimeout: REQUEST_TIME_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void handle(request, response),
  );
  return {
    listen: () => listen(server, options.port, options.bind),
    close: () => close(server, options.graceMs, options.clock),
  };
}

function listen(server: HttpServer, port: number, bind: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, bind, () => {
      server.off("error", reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

function close(server: HttpServer, graceMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(graceMs, () => server.closeAllConnections());
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
