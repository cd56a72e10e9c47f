import type { Geo } from "../balancing/geo.ts";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Coalescer } from "../failover/coalesce.ts";
import type { Call, Chain, Failover, Served } from "../failover/pipeline.ts";
import type { ChannelHomes } from "../sfu/channel-homes.ts";
import type { GatewayContext, GatewayMiddleware } from "./context.ts";
import { placementOf } from "./placement.ts";
import { partQuery } from "./query.ts";

export interface GetChannelTools {
  readonly clock: Clock;
  readonly events: Events;
  readonly geo: Geo;
  readonly coalescer: Coalescer<Served, Chain>;
  readonly failover: Failover;
  /** For when the call is to be ended. */
  readonly homes: ChannelHomes;
  /** The budget of one request, from its arrival on. */
  readonly budgetMs: number;
}

/** `GET /v1/channel`: one conference's channel on the best SFU that gives one. */
export function getChannel(tools: GetChannelTools): GatewayMiddleware {
  return (context) => serve(callOf(context, tools), context, tools);
}

function callOf({ state, querystring }: GatewayContext, { geo, budgetMs }: GetChannelTools): Call {
  const { authenticated, requestId, callerAddress, startedMs } = state;
  if (authenticated === undefined) throw new GatewayError("internal", "not authenticated", { status: 500 });
  const { conference, payload } = authenticated;
  const query = partQuery(querystring);
  state.region = query.region;
  state.country = query.country;
  return {
    conference,
    placement: placementOf(query, geo),
    join: { payload, query: query.forwarded, callerAddress, requestId },
    deadlineMs: startedMs + budgetMs,
  };
}

/** What an SFU refused of another member's request is no answer to a different one: that is asked for on its own. */
async function serve(call: Call, { state, response }: GatewayContext, tools: GetChannelTools): Promise<void> {
  const { clock, events, coalescer, failover, homes } = tools;
  const { signal, arrivedMs } = state;
  for (;;) {
    const { work, result, joined } = coalescer.run(call.conference, { signal, arrivedMs }, (shared) =>
      failover(call, shared),
    );
    state.attempts = work.attempts;
    const share = (): void => {
      state.coalesced = true;
      events.emit("coalesced", { requestId: state.requestId });
    };
    state.coalesced = false;
    if (joined) share();
    try {
      const { channel, sfu } = await result;
      // Another gateway has asked.
      if (!joined && work.attempts.length === 0) share();
      state.servedBy = sfu;
      if (sfu !== null) homes.learn(channel.uuid, sfu);
      response.body = channel;
      return;
    } catch (error) {
      const isRefusal = error instanceof GatewayError && error.code === "refused_by_sfu";
      const isTheirs = joined && work.query !== call.join.query;
      if (!isRefusal || !isTheirs || clock.monotonic() >= call.deadlineMs) throw error;
    }
  }
}
