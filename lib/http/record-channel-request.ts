import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { GatewayError, toError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { GatewayMiddleware } from "./context.ts";

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
        conference: conference === undefined ? null : shortHash(conference),
        region: region ?? null,
        country: country ?? null,
        callerAddress,
        servedBy: servedBy ?? null,
        coalesced: coalesced ?? false,
        attempts,
        error,
      });
    }
  };
}

/** Enough to find a conference's lines again, and no way back to its name. */
function shortHash(conference: string): string {
  return createHash("sha256").update(conference).digest("hex").slice(0, 12);
}
