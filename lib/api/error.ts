import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { type Answer, words } from "./answer.ts";

/** A code that reaches a caller. */
export type AnsweredCode = Exclude<ErrorCode, "caller_gone">;

/** What each means. */
export const errorMeanings: Readonly<Record<AnsweredCode, string>> = {
  missing_token: "no token",
  invalid_token: "a token, but not one that opens this",
  missing_issuer: "a valid token that names no conference: no `iss`, or an empty one",
  invalid_claims: "a valid token whose claims are not of the form that they should have",
  replayed: "this heartbeat was taken before, or is older than the last one that was",
  invalid_heartbeat: "not a heartbeat; every field that is wrong is named",
  invalid_body: "not the JSON that is expected here",
  address_not_allowed: "an SFU of this address may not register",
  fleet_full: "so many SFUs have registered that no more can",
  body_too_large: "the body is larger than the route takes",
  unknown_sfu: "no SFU of this address is in the fleet",
  bad_request: "not HTTP/1.1, or not beyond doubt; too slow; or more than 100 headers, or 16 KB of them",
  not_found: "no such route, or one that is off",
  method_not_allowed: "the route has no such method",
  refused_by_sfu: "what the SFU answered to this request; no other SFU is asked",
  no_sfu_available: "no SFU can be asked at this moment",
  overloaded: "every SFU that could be asked is full",
  all_candidates_failed: "SFUs were asked, and none gave a channel",
  disconnect_incomplete: "not every SFU that the sessions are on could be told",
  loop_detected: "the request has come from a gateway that asks itself",
  rate_limited: "too many requests, or too many refused tokens, from this address",
  too_busy: "the gateway has as many requests in hand as it can answer in time",
  expectation_failed: "an `Expect` header that asks for something other than `100-continue`",
  internal: "a fault of the gateway; its log has it under the same request id",
};

/** Every answer that is not what was asked for. */
export const errorAnswer = z
  .object({
    error: words(errorMeanings, "Stable: scripts may go by it."),
    message: z.string().meta({ description: "For people. Holds neither a token nor a key." }),
    requestId: z.string().meta({ description: "The answer's `X-Request-Id`, which the log lines of it carry, too." }),
  })
  .meta({ description: "Why a request was not served." });

export type ErrorAnswer = Answer<typeof errorAnswer>;
