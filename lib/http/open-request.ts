import type { BlockList } from "node:net";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { Arrivals } from "./arrivals.ts";
import { callerAddress } from "./caller-address.ts";
import type { GatewayMiddleware, RequestState } from "./context.ts";
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
    const forwardedFor = context.get("x-forwarded-for");
    const state: RequestState = {
      requestId,
      callerAddress: callerAddress(context.req.socket.remoteAddress, forwardedFor, trustedProxies),
      startedMs: clock.monotonic(),
      arrivedMs: arrivals.of(context.req.socket),
      signal: controller.signal,
      attempts: [],
    };
    Object.assign(context.state, state);
    context.set("X-Request-Id", requestId);
    context.res.once("close", () => {
      if (!context.res.writableFinished) {
        controller.abort(new GatewayError("caller_gone", "the caller hung up", { status: 499 }));
      }
    });
    await next();
    // Else a caller that keeps its connection open would hold up the shutdown, even one that came before it.
    if (isDraining()) context.set("Connection", "close");
  };
}
