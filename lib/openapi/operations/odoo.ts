import { examples } from "../examples.ts";
import { EXPIRED, get, NO_JWT, type Operation, parameter, post } from "../operation.ts";
import { answer, busy, emptyAnswer, refusal } from "../responses.ts";
import { schemaRef } from "../schemas.ts";

export const odooOperations: readonly Operation[] = [
  get(
    "/v1/channel",
    { tag: "Odoo", id: "getChannel", summary: "A channel for a conference" },
    {
      description:
        "What Odoo asks when the first member joins a call, and again for each later one. The gateway asks the best SFU, and the " +
        "next ones while there is time; simultaneous requests for one conference share one answer. Not answered to `HEAD`, which " +
        "would make a channel.",
      security: [{ odoo: [] }],
      parameters: [
        parameter("Region"),
        parameter("Country"),
        {
          name: "others",
          in: "query",
          description: "Every other parameter goes to the SFU as it came, like Odoo's `recordingAddress`.",
          schema: { type: "object", additionalProperties: { type: "string" } },
          style: "form",
          explode: true,
          example: { recordingAddress: "https://odoo.example.com/recording" },
        },
      ],
      responses: {
        "200": answer("The channel, as the SFU made it.", schemaRef("Channel"), { channel: examples.channel }),
        "400": refusal({
          invalid_claims: "expected the claim 'keySeed' to be base64 text",
          refused_by_sfu: "the SFU answered with status 400",
        }),
        "401": refusal({ missing_token: NO_JWT, invalid_token: EXPIRED }),
        "403": refusal({ missing_issuer: "the token names no conference: its 'iss' claim is missing or empty" }),
        "409": refusal({ refused_by_sfu: "the SFU answered with status 409" }),
        "503": busy({
          all_candidates_failed: "2 SFUs were asked for a channel and none gave one",
          no_sfu_available: "no SFU can be asked at this moment",
          overloaded: "every SFU that could take the call is full",
          too_busy: "the gateway has as many requests in hand as it can answer in time",
        }),
      },
    },
  ),
  post(
    "/v1/disconnect",
    { tag: "Odoo", id: "disconnect", summary: "Ends sessions" },
    {
      description:
        "Odoo sends this to the URL that its channel came with, so it comes here where an SFU's edge passes it on. The gateway " +
        "tells the SFUs that have these channels, and where it does not know, all that are neither down nor expired. 200 only where " +
        "every one of them accepted the request; what an SFU does not have, or what is another caller's, it skips in silence.",
      requestBody: {
        required: true,
        description:
          "A JWT as text: HS256 with `SFU_GATEWAY_KEY`; claims `sessionIdsByChannel` (`{uuid: [id, …]}`) and `exp`. 64 KB and " +
          "500 channels at most. Odoo sends no Content-Type, and it does not matter.",
        content: { "*/*": { schema: { type: "string" } } },
      },
      responses: {
        "200": emptyAnswer("Every SFU that was to be asked accepted it."),
        "413": refusal({ body_too_large: "the body is larger than 64 KB" }),
        "422": refusal({
          missing_token: "expected a JWT as the body",
          invalid_token: EXPIRED,
          invalid_claims: "expected the claim 'sessionIdsByChannel' to be an object",
        }),
        "502": refusal({
          disconnect_incomplete:
            "1 of 1 SFU did not take it: http://10.0.0.5:8070 refused the token that the gateway signed for it (the SFU of 1 of " +
            "1 channels is not known, so all are to be asked)",
        }),
        "508": refusal({
          loop_detected:
            "a gateway has sent this already: an SFU's edge must pass what comes from a gateway on to the SFU",
        }),
      },
    },
  ),
  get(
    "/v1/noop",
    { tag: "Odoo", id: "noop", summary: "Whether the process answers, as an SFU says it" },
    {
      responses: { "200": answer("It does.", schemaRef("Noop"), { alive: { result: "ok" } }) },
    },
  ),
];
