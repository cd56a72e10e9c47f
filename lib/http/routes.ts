import Router from "@koa/router";
import type { Middleware } from "koa";
import { GatewayError } from "../errors.ts";
import type { GatewayMiddleware, RequestState } from "./context.ts";

export type Route = readonly [method: "GET" | "POST", path: string, ...steps: GatewayMiddleware[]];

/**
 * Exact paths: the SFUs answer 404 to another case or a slash at the end, so the gateway does. HEAD is no GET here, for
 * a HEAD of `/v1/channel` would make a channel.
 */
export function route(routes: readonly Route[]): GatewayMiddleware[] {
  const router = new Router<RequestState>({ sensitive: true, strict: true });
  for (const [method, path, ...steps] of routes) {
    router.register(path, [method], [refuseHead, ...steps] as Middleware<RequestState>[]);
  }
  const refusal = (): GatewayError =>
    new GatewayError("method_not_allowed", "this route has no such method", { status: 405 });
  return [
    router.routes() as GatewayMiddleware,
    router.allowedMethods({ throw: true, methodNotAllowed: refusal, notImplemented: refusal }) as GatewayMiddleware,
  ];
}

const refuseHead: GatewayMiddleware = async ({ method }, next) => {
  if (method === "HEAD") {
    throw new GatewayError("method_not_allowed", "this route has no HEAD", { status: 405 });
  }
  await next();
};
