import { type AddressLimit, createAddressLimit, rateLimited } from "../address-limit.ts";
import type { Config } from "../config/config.ts";
import type { Events } from "../events.ts";
import type { GatewayContext, GatewayMiddleware } from "./context.ts";

/**
 * Lets through so many requests of one address a window, and all where there is no limit. It comes before whatever costs
 * more. What it turns away counts too, but does not make the wait longer.
 *
 * @throws {GatewayError} 429 `rate_limited`
 */
export function limitRate(
  { rateLimit, trustedProxies }: Pick<Config, "rateLimit" | "trustedProxies">,
  events: Events,
): GatewayMiddleware {
  let terms: Config["rateLimit"] = null;
  let limit: AddressLimit | null = null;
  const follow = (next: Config["rateLimit"]): void => {
    terms = next;
    if (next === null) {
      limit?.forget();
      limit = null;
    } else {
      const settings = { max: next.requests, windowMs: next.windowMs };
      if (limit === null) limit = createAddressLimit(settings);
      else limit.configure(settings);
    }
  };
  follow(rateLimit);
  events.on("reconfigured", ({ to }) => follow(to.rateLimit));

  let mayBeShared = trustedProxies.length === 0;
  const count = async (context: GatewayContext, limit: AddressLimit, inForce: Terms): Promise<void> => {
    const { callerAddress } = context.state;
    if (mayBeShared && context.get("x-forwarded-for") !== "") {
      mayBeShared = false;
      events.emit("unknownProxy", { address: callerAddress });
    }
    const waitMs = await limit.take(callerAddress);
    if (waitMs !== null) throw rateLimited(tooMany(inForce), waitMs);
  };
  return (context, next) => (limit === null || terms === null ? next() : count(context, limit, terms).then(next));
}

type Terms = NonNullable<Config["rateLimit"]>;

function tooMany({ requests, windowMs }: Terms): string {
  return `too many requests from this address: ${String(requests)} in ${String(windowMs / 1000)} s is the most`;
}
