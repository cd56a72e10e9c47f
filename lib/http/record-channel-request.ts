import type { Clock } from "../clock.ts";
import { toError, toGatewayError } from "../errors.ts";
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
      const { requestId, callerAddress, startedMs, attempts, authenticated, region, country, servedBy, coalesced } =
        context.state;
      const refusal = error === null ? null : toGatewayError(error);
      events.emit("channelRequest", {
        requestId,
        outcome: refusal?.code ?? "ok",
        status: refusal?.status ?? 200,
        durationMs: clock.monotonic() - startedMs,
        conference: authenticated?.conference.slice(0, SHOWN) ?? null,
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
