import { examples } from "../examples.ts";
import type { Json } from "../json.ts";
import { get, jsonBody, OFF, type Operation, parameter, post } from "../operation.ts";
import { answer, refusal } from "../responses.ts";
import { schemaRef } from "../schemas.ts";

const NO_ADMIN = "expected 'Authorization: Bearer <the admin token>'";
const NOT_ADMIN = "this is not the gateway's admin token";

export const operatorOperations: readonly Operation[] = [
  post(
    "/v1/sfu/drain",
    { tag: "Operators", id: "drain", summary: "No new conferences for an SFU" },
    {
      description: "Its own stay, and their later members still get there. Only with `SFU_GATEWAY_ADMIN_TOKEN`.",
      ...drains(true),
    },
  ),
  post(
    "/v1/sfu/undrain",
    { tag: "Operators", id: "undrain", summary: "Conferences again for an SFU that is drained" },
    {
      description: "One that has left the fleet can be named, too. Only with `SFU_GATEWAY_ADMIN_TOKEN`.",
      ...drains(false),
    },
  ),
  get(
    "/v1/explain",
    { tag: "Operators", id: "explain", summary: "The ranking that a request would get now, and why" },
    {
      description: "Asks no SFU and changes nothing. Only with `SFU_GATEWAY_ADMIN_TOKEN`.",
      security: [{ admin: [] }],
      parameters: [
        parameter("Region"),
        parameter("Country"),
        {
          name: "iss",
          in: "query",
          description: "The conference, as Odoo's token names it.",
          schema: { type: "string" },
          example: "https://odoo.example.com:channel:7",
        },
      ],
      responses: {
        "200": answer("The ranking.", schemaRef("Ranking"), { ranking: examples.ranking }),
        "401": refusal({ missing_token: NO_ADMIN, invalid_token: NOT_ADMIN }),
        "404": refusal({ not_found: OFF }),
      },
    },
  ),
];

function drains(isDraining: boolean): Json {
  const example = isDraining ? examples.drained : examples.undrained;
  return {
    security: [{ admin: [] }],
    requestBody: jsonBody(schemaRef("SfuIdentity"), { sfu: { address: example.address } }),
    responses: {
      "200": answer("What has become of it.", schemaRef("DrainReport"), { done: example }),
      "400": refusal({ invalid_body: 'expected {"address": "<the SFU\'s URL>"}: this is not JSON' }),
      "401": refusal({ missing_token: NO_ADMIN, invalid_token: NOT_ADMIN }),
      "404": refusal({ unknown_sfu: "no SFU of this address is in the fleet", not_found: OFF }),
      "413": refusal({ body_too_large: "the body is larger than 16 KB" }),
    },
  };
}
