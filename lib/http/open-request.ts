import type { BlockList } from "node:net";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { Arrivals } from "./arrivals.ts";
import { callerAddress } from "./caller-address.ts";
import type { GatewayMiddleware } from "./context.ts";
import { requestIdOf } from "./request-id.ts";

export interface OpenRequestOptions {
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly trustedProxies: BlockList;
  readonly isDraining: () => boolean;
}

/** Gives a request its id, its caller's address, and the signal that ends with the connection. */
export function openRequest({ clock, arrivals, trustedProxies, isDraining }: OpenRequestOptions): GatewayMiddleware {
  return async (context, next) => {
    const requestId = requestIdOf(context.req.headers["x-request-id"]);
    const controller = new AbortController();
    const { req, res } = context;
    context.state = {
      requestId,
      callerAddress: callerAddress(req.socket.remoteAddress, context.get("x-forwarded-for"), trustedProxies),
      startedMs: clock.monotonic(),
      arrivedMs: arrivals.of(req.socket),
      signal: controller.signal,
      attempts: [],
    };
    context.set("X-Request-Id", requestId);
    res.on("close", () => {
      if (!res.writableFinished) {
        controller.abort(new GatewayError("caller_gone", "the caller hung up", { status: 499 }));
      }
    });
    await next();
    // Else a caller that keeps its connection open would hold up the shutdown, even one that came before it.
    if (isDraining()) context.set("Connection", "close");
  };
}
