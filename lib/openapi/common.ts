import type { Json } from "./json.ts";
import { busy, refusal } from "./responses.ts";

/** What any request may get, whatever it asks for. */
export const commonResponses: Json = {
  NotHttp: refusal({ bad_request: "this is not an HTTP/1.1 request" }),
  NotFound: refusal({ not_found: "no such route" }),
  MethodNotAllowed: {
    ...refusal({ method_not_allowed: "this route has no such method" }),
  },
  TooSlow: refusal({ bad_request: "the request took too long to arrive" }),
  TooMany: busy({ rate_limited: "too many requests from this address: 100 in 1 s is the most" }),
  TooBusy: busy({ too_busy: "the gateway has as many requests in hand as it can answer in time" }),
  Expectation: refusal({ expectation_failed: "only 'Expect: 100-continue' can be met" }),
  LargeHeaders: refusal({ bad_request: "the headers are more than 100, or larger than 16 KB" }),
  Internal: refusal({ internal: "something went wrong inside the gateway" }),
};

/** Those of them that every operation lists. */
export const everywhere: Json = {
  "408": { $ref: "#/components/responses/TooSlow" },
  "417": { $ref: "#/components/responses/Expectation" },
  "431": { $ref: "#/components/responses/LargeHeaders" },
  "500": { $ref: "#/components/responses/Internal" },
};

/** And those of all that a flood may reach; whoever watches the gateway is always answered. */
export const limited: Json = {
  "429": { $ref: "#/components/responses/TooMany" },
  "503": { $ref: "#/components/responses/TooBusy" },
};
const UNLIMITED: readonly string[] = ["/healthz", "/readyz", "/noop", "/v1/noop", "/metrics"];

export function isLimited(path: string): boolean {
  return !UNLIMITED.includes(path);
}

export const commonHeaders: Json = {
  RequestId: {
    description:
      "The id that the log lines of this request carry: the one that the request came with, where that is up to 128 letters, " +
      "digits, `.`, `_`, `:` and `-`, else a new one.",
    required: true,
    schema: { type: "string", pattern: "^[\\w.:-]{1,128}$" },
  },
  RetryAfter: {
    description: "Seconds until it is worth asking again.",
    required: true,
    schema: { type: "integer", minimum: 1 },
  },
};

export const commonParameters: Json = {
  RequestId: {
    name: "X-Request-Id",
    in: "header",
    description: "An id for this request, so that one search finds it in the logs of a proxy, the gateway and the SFU.",
    schema: { type: "string" },
  },
  Region: {
    name: "region",
    in: "query",
    description:
      "Where the call wants to be: a region of the usual clouds, a country's code, or a name of `[regions]`. The SFUs of this " +
      "very region come first, then the others by load and distance. Any case.",
    schema: { type: "string" },
    example: "eu-west-3",
  },
  Country: {
    name: "country",
    in: "query",
    description: "The same by country (ISO 3166-1 alpha-2), where no region is named or nobody knows it. Any case.",
    schema: { type: "string" },
    example: "DE",
  },
};

export const securitySchemes: Json = {
  odoo: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "HS256 with `SFU_GATEWAY_KEY`; claims `iss` (the conference), `exp`, and `key` or `keySeed`. Odoo makes it. The word " +
      "before the token does not matter: older releases of Odoo say `jwt`.",
  },
  registration: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "HS256 with `SFU_GATEWAY_REGISTRATION_KEY`; `exp` at most 5 minutes ahead; best with a `jti`, then it is good for one " +
      "heartbeat, else once for each body.",
  },
  admin: { type: "http", scheme: "bearer", description: "The text of `SFU_GATEWAY_ADMIN_TOKEN`." },
};
