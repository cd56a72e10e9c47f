import { BlockList } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { Events } from "../../lib/events.ts";
import { createArrivals } from "../../lib/http/arrivals.ts";
import { handleErrors } from "../../lib/http/handle-errors.ts";
import { openRequest } from "../../lib/http/open-request.ts";
import { route, type Route } from "../../lib/http/routes.ts";
import { createHttpServer } from "../../lib/server.ts";

/** Some routes as the gateway serves them, on a real socket, without the rest of it. */
export interface ServedRoutes {
  readonly url: string;
  close(): Promise<void>;
}

export interface RoutesSetup {
  readonly clock: Clock;
  readonly events: Events;
  readonly onError: (error: unknown) => void;
}

export async function serveRoutes(
  routes: readonly Route[],
  { clock, events, onError }: RoutesSetup,
): Promise<ServedRoutes> {
  const arrivals = createArrivals(clock);
  const server = createHttpServer({
    clock,
    port: 0,
    bind: "127.0.0.1",
    graceMs: () => 1000,
    onError,
    onConnection: (socket) => arrivals.opened(socket),
    middleware: [
      openRequest({ clock, arrivals, trustedProxies: new BlockList(), isDraining: () => false }),
      handleErrors(events),
      route(routes),
    ],
  });
  const { port } = await server.listen();
  return { url: `http://127.0.0.1:${String(port)}`, close: () => server.close() };
}
