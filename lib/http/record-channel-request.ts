import type { Clock } from "../clock.ts";
import { GatewayError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

/** So much of a conference's hash finds its lines again. */
const SHOWN = 12;

/** Tells the listeners of every channel request how it ended. Sits around authentication, whose refusals count too. */
export function recordChannelRequest(clock: Clock, events: Events): GatewayMiddleware {
  return async (context, next) => {
    let error: Error | null = null;
    try {
      await next();
    } catch (thrown) {
      error = toError(thrown);
      throw thrown;
    } finally {
      const { requestId, callerAddress, startedMs, attempts, conference, region, country, servedBy, coalesced } =
        context.state;
      events.emit("channelRequest", {
        requestId,
        outcome: error === null ? "ok" : error instanceof GatewayError ? error.code : "internal",
        status: error === null ? 200 : error instanceof GatewayError ? error.status : 500,
        durationMs: clock.monotonic() - startedMs,
        conference: conference?.slice(0, SHOWN) ?? null,
        region: region ?? null,
        country: country ?? null,
        callerAddress,
        servedBy: servedBy ?? null,
        coalesced: coalesced ?? false,
        attempts: [...attempts],
        error,
      });
    }
  };
}
