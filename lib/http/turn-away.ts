import type { IncomingMessage, ServerResponse } from "node:http";
import type { ErrorAnswer } from "../api/error.ts";
import type { Events } from "../events.ts";
import type { Admission } from "./admission.ts";
import type { Arrivals } from "./arrivals.ts";
import { requestIdOf } from "./request-id.ts";

export interface TurnAwayTools {
  readonly admission: Admission;
  readonly arrivals: Arrivals;
  readonly events: Events;
  readonly isDraining: () => boolean;
}

/** Never turned away: how the operator, his monitoring and his load balancer see what is going on. */
const ALWAYS = new Set(["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics", "/v1/health"]);
const CALL = "/v1/channel";

const MESSAGE = "the gateway has as many requests in hand as it can answer in time";
const HEADERS = { "Content-Type": "application/json; charset=utf-8", "Retry-After": "1" };

/**
 * Answers 503 `too_busy` where the gateway cannot take on the request, ahead of everything else: it has to be cheap, or it would
 * take the processor from those that were let in. A body is left unread; Node throws it away.
 *
 * @returns whether it did
 */
export type TurnAway = (request: IncomingMessage, response: ServerResponse) => boolean;

export function createTurnAway({ admission, arrivals, events, isDraining }: TurnAwayTools): TurnAway {
  return (request, response) => {
    const { url = "" } = request;
    const query = url.indexOf("?");
    const path = query < 0 ? url : url.slice(0, query);
    if (ALWAYS.has(path)) return false;
    const isCall = path === CALL;
    const end = admission.admit(isCall ? "call" : "other", arrivals.isFirst(request.socket));
    if (end !== null) {
      response.once("close", end);
      return false;
    }
    // The next one on this connection has not set out with it.
    arrivals.of(request.socket);
    const requestId = requestIdOf(request.headers["x-request-id"]);
    const answer: ErrorAnswer = { error: "too_busy", message: MESSAGE, requestId };
    const body = JSON.stringify(answer);
    response.writeHead(503, {
      ...HEADERS,
      "X-Request-Id": requestId,
      "Content-Length": Buffer.byteLength(body),
      ...(isDraining() ? { Connection: "close" } : {}),
    });
    response.end(body);
    events.emit("turnedAway", { isCall });
    return true;
  };
}
