import { VERSION } from "../version.ts";
import { commonHeaders, commonParameters, commonResponses, securitySchemes } from "./common.ts";
import type { Json } from "./json.ts";
import type { Operation } from "./operation.ts";
import { operations } from "./operations.ts";
import { schemas } from "./schemas.ts";

const DESCRIPTION = [
  "One address in front of a fleet of SFU servers for Odoo's video calls.",
  "Every answer has `X-Request-Id`; every answer that is not what was asked for is an `Error`, whose `error` is stable. " +
    "Beside what each operation lists, any path may answer 404 `not_found`, any method 405 `method_not_allowed` (with " +
    "`Allow`), and what is no HTTP 400 `bad_request`.",
  "Paths are exact: another case or a slash at the end is 404. `HEAD` is answered like `GET`, except at `/v1/channel`.",
  "A later version may add fields to an answer; those that are there keep their meaning.",
].join("\n\n");

/** The gateway's HTTP interface as an OpenAPI 3.1 document. */
export function openApiDocument(): Json {
  return {
    openapi: "3.1.1",
    info: {
      title: "SFU Gateway",
      summary: "Picks the best SFU for each call, fails over in time, one channel per call.",
      description: DESCRIPTION,
      version: VERSION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://127.0.0.1:8071", description: "A gateway on this machine." }],
    tags: [
      { name: "Odoo", description: "What stock Odoo asks. Let a reverse proxy pass these on." },
      { name: "SFUs", description: "What SFUs and their agents send." },
      { name: "Operators", description: "With the admin token." },
      { name: "Monitoring", description: "Without a token: these name the SFUs, so keep them inside your network." },
    ],
    paths: pathsOf(operations),
    components: {
      securitySchemes,
      parameters: commonParameters,
      headers: commonHeaders,
      responses: commonResponses,
      schemas: schemas(),
    },
  };
}

function pathsOf(all: readonly Operation[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const { method, path, says } of all) (paths[path] ??= {})[method] = says;
  return paths;
}
