import type { RankingReport } from "../api/ranking.ts";
import type { Affinity } from "../balancing/affinity.ts";
import type { Explain } from "../balancing/explain.ts";
import type { Geo } from "../balancing/geo.ts";
import type { Config } from "../config/config.ts";
import { idOf } from "./authenticate.ts";
import type { GatewayMiddleware } from "./context.ts";
import { partQuery } from "./query.ts";
import { placementOf } from "./placement.ts";

export interface ExplainRankingTools {
  readonly geo: Geo;
  readonly affinity: Affinity;
  readonly explain: Explain;
}

/** `GET /v1/explain`: the ranking that a request with this `region`, `country` and `iss` would get now, and why. */
export function explainRanking(
  { balancing, failover }: Config,
  { geo, affinity, explain }: ExplainRankingTools,
): GatewayMiddleware {
  return async ({ querystring, response }) => {
    const query = partQuery(querystring);
    const iss = new URLSearchParams(querystring).get("iss") ?? "";
    const assigned = iss === "" ? null : await affinity.find(idOf(iss));
    const placement = placementOf(query, geo);
    const body: RankingReport = {
      strategy: balancing.strategy,
      region: query.region,
      country: query.country,
      place: placement.place,
      assigned,
      // So many of the ranking one request may try.
      maxRetries: failover.maxRetries,
      sfus: explain(placement, assigned),
    };
    response.body = body;
  };
}
