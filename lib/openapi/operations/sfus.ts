import { examples } from "../examples.ts";
import { EXPIRED, jsonBody, NO_JWT, OFF, type Operation, post } from "../operation.ts";
import { answer, refusal } from "../responses.ts";
import { schemaRef } from "../schemas.ts";

export const sfuOperations: readonly Operation[] = [
  post(
    "/v1/sfu",
    { tag: "SFUs", id: "heartbeat", summary: "An SFU registers, says how it is, or signs off" },
    {
      description:
        "Only with `SFU_GATEWAY_REGISTRATION_KEY`. `[registration] allow` says which addresses may. Of an SFU that the gateway's " +
        "files or the external list name, only its load and its sign-off count. 16 KB at most.",
      security: [{ registration: [] }],
      requestBody: jsonBody(
        { oneOf: [schemaRef("Heartbeat"), schemaRef("SignOff")] },
        {
          heartbeat: examples.heartbeat,
          signOff: examples.signOff,
        },
      ),
      responses: {
        "200": answer("It was taken.", schemaRef("HeartbeatTaken"), { taken: examples.heartbeatTaken }),
        "400": refusal({
          invalid_heartbeat: "the heartbeat was refused: cpuUsage: expected a share from 0 to 1, like 0.5 for 50 %",
        }),
        "401": refusal({
          missing_token: NO_JWT,
          invalid_token: EXPIRED,
          replayed: "this heartbeat was accepted before, so sign each one anew",
        }),
        "403": refusal({
          address_not_allowed:
            "this address may not register: it is a loopback address, which no item of [registration] allow names",
          fleet_full: "10000 SFUs have registered, and no more can",
        }),
        "404": refusal({ not_found: OFF }),
        "413": refusal({ body_too_large: "the body is larger than 16 KB" }),
      },
    },
  ),
];
