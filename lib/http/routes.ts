import { METHODS } from "node:http";
import Router from "@koa/router";
import type { Middleware } from "koa";
import type { GatewayMiddleware, RequestState } from "./context.ts";

export type Route = readonly [method: "GET" | "POST", path: string, ...steps: GatewayMiddleware[]];

/**
 * Exact paths: the SFUs answer 404 to another case or a slash at the end, so the gateway does. HEAD comes with GET, as
 * monitors like it, but not where it would make a channel.
 *
 * A router for each path, for a router tries all its patterns with every request; one without any refuses what is left.
 */
export function route(routes: readonly Route[]): GatewayMiddleware {
  const byPath = new Map<string, GatewayMiddleware>();
  for (const path of new Set(routes.map(([, path]) => path))) {
    byPath.set(path, routerOf(routes.filter((one) => one[1] === path)));
  }
  const nowhere = routerOf([]);
  return (context, next) => (byPath.get(context.path) ?? nowhere)(context, next) as Promise<unknown>;
}

function routerOf(routes: readonly Route[]): GatewayMiddleware {
  // All methods that a request can have, for of one that it does not know the router says 501, wherever it is sent.
  const router = new Router<RequestState>({ sensitive: true, strict: true, methods: METHODS });
  for (const [method, path, ...steps] of routes) {
    router.register(path, [method], steps as Middleware<RequestState>[]);
  }
  for (const layer of router.stack) {
    if (layer.path === "/v1/channel") layer.methods = layer.methods.filter((method) => method !== "HEAD");
  }
  const find = router.routes() as GatewayMiddleware;
  const refuse = router.allowedMethods() as GatewayMiddleware;
  return (context, next) => find(context, () => refuse(context, next) as Promise<unknown>) as Promise<unknown>;
}
