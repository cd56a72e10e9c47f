import type { IncomingMessage, ServerResponse } from "node:http";
import { turnsOfTheLoop } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Admission } from "./admission.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Backlog } from "./backlog.ts";
import { errorBody, JSON_TYPE } from "./error-body.ts";
import { requestIdOf } from "./request-id.ts";

export interface TurnAwayTools {
  readonly admission: Admission;
  readonly backlog: Pick<Backlog, "standingMs">;
  readonly arrivals: Arrivals;
  readonly events: Events;
  readonly isDraining: () => boolean;
}

/** Never turned away: how the operator, his monitoring and his load balancer see what is going on. */
const ALWAYS = new Set(["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics", "/v1/health"]);
const CALL = "/v1/channel";

const REFUSAL = {
  code: "too_busy",
  message: "the gateway has as many requests in hand as it can answer in time",
} as const;
const HEADERS = { "Content-Type": JSON_TYPE, "Retry-After": "1" };

/** Who has waited for so long in the kernel's queue may have gone, which shows only when his connection has been read. */
const LOOK_AFTER_MS = 100;
const TURNS_TO_READ = 2;

/**
 * Answers 503 `too_busy` where the gateway cannot take on the request, ahead of everything else: it has to be cheap, or it would
 * take the processor from those that were let in. A body is left unread; Node throws it away. Else it has the request served:
 * at once, or where callers wait for long in the kernel's queue, after a look whether this one is still there.
 */
export type TurnAway = (request: IncomingMessage, response: ServerResponse, serve: () => void) => void;

export function createTurnAway({ admission, backlog, arrivals, events, isDraining }: TurnAwayTools): TurnAway {
  return (request, response, serve) => {
    const { url = "" } = request;
    const query = url.indexOf("?");
    const path = query < 0 ? url : url.slice(0, query);
    if (ALWAYS.has(path)) {
      serve();
      return;
    }
    const isCall = path === CALL;
    const { socket } = request;
    const isFirst = arrivals.isFirst(socket);
    const end = admission.admit(isCall ? "call" : "other", isFirst);
    if (end !== null) {
      response.on("close", end);
      if (isFirst && backlog.standingMs() > LOOK_AFTER_MS) {
        void turnsOfTheLoop(TURNS_TO_READ).then(() => {
          if (!socket.destroyed && !socket.readableEnded) serve();
          else {
            // He may have left in the middle of another request, and Node would wait for its rest.
            socket.destroy();
            events.emit("turnedAway", { isCall, why: "caller_gone" });
          }
        });
      } else serve();
      return;
    }
    // The next one on this connection has not set out with it.
    arrivals.of(socket);
    const requestId = requestIdOf(request.headers["x-request-id"]);
    const body = JSON.stringify(errorBody(REFUSAL, requestId));
    response.writeHead(503, {
      ...HEADERS,
      "X-Request-Id": requestId,
      "Content-Length": Buffer.byteLength(body),
      ...(isDraining() ? { Connection: "close" } : {}),
    });
    response.end(body);
    events.emit("turnedAway", { isCall, why: "too_busy" });
  };
}
