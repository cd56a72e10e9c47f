import { outgoingClaims } from "../auth/resign.ts";
import type { Geo } from "../balancing/geo.ts";
import type { Placement } from "../balancing/strategy.ts";
import { GatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Coalescer } from "../failover/coalesce.ts";
import type { Failover, Served } from "../failover/pipeline.ts";
import type { GatewayMiddleware } from "./context.ts";
import { type PartedQuery, partQuery } from "./query.ts";

export interface GetChannelTools {
  readonly events: Events;
  readonly geo: Geo;
  readonly coalescer: Coalescer<Served>;
  readonly failover: Failover;
  /** The budget of one request, from its arrival on. */
  readonly budgetMs: number;
}

/** `GET /v1/channel`: one conference's channel on the best SFU that gives one. */
export function getChannel({ events, geo, coalescer, failover, budgetMs }: GetChannelTools): GatewayMiddleware {
  return async ({ state, querystring, response }) => {
    const { verified, requestId, callerAddress, startedMs, arrivedMs, signal, attempts } = state;
    if (verified === undefined) throw new GatewayError("internal", "not authenticated", { status: 500 });
    const { conference } = verified;
    const query = partQuery(querystring);
    Object.assign(state, { conference, region: query.region, country: query.country });

    const call = {
      conference,
      placement: placementOf(query, geo),
      join: { payload: outgoingClaims(verified), query: query.forwarded, callerAddress, requestId },
      deadlineMs: startedMs + budgetMs,
    };
    const { result, joined } = coalescer.run(conference, { signal, arrivedMs }, (shared) =>
      failover(call, attempts, shared),
    );
    state.coalesced = joined;
    if (joined) events.emit("coalesced", { requestId });
    const { channel, sfu } = await result;
    state.servedBy = sfu;
    response.body = channel;
  };
}

function placementOf({ region, country }: PartedQuery, geo: Geo): Placement {
  const place = (region === null ? null : geo.region(region)) ?? (country === null ? null : geo.country(country));
  return { region, place };
}
