import { everywhere, isLimited, limited } from "./common.ts";
import type { Json } from "./json.ts";

/** One route, as an OpenAPI Path Item's operation. */
export interface Operation {
  readonly method: "get" | "post";
  readonly path: string;
  readonly says: Json;
}

/** What stands above an operation's details. */
export interface Heading {
  readonly tag: "Odoo" | "SFUs" | "Operators" | "Monitoring";
  readonly id: string;
  readonly summary: string;
}

export function get(path: string, heading: Heading, details: Json): Operation {
  return { method: "get", path, says: saying(path, heading, details) };
}

export function post(path: string, heading: Heading, details: Json): Operation {
  return { method: "post", path, says: saying(path, heading, details) };
}

function saying(
  path: string,
  { tag, id, summary }: Heading,
  { parameters = [], responses, security = [], ...others }: Json,
): Json {
  return {
    tags: [tag],
    operationId: id,
    summary,
    ...others,
    security,
    parameters: [...(parameters as Json[]), parameter("RequestId")],
    responses: { ...(isLimited(path) ? limited : {}), ...(responses as Json), ...everywhere },
  };
}

/** One of those that several operations take. */
export function parameter(name: "RequestId" | "Region" | "Country"): Json {
  return { $ref: `#/components/parameters/${name}` };
}

/** @param examples by their names */
export function jsonBody(schema: Json, examples: Json): Json {
  const named = Object.entries(examples).map(([name, value]): [string, Json] => [name, { value }]);
  return { required: true, content: { "application/json": { schema, examples: Object.fromEntries(named) } } };
}

/** What a route that nobody has opened answers. */
export const OFF = "no such route";

export const NO_JWT = "expected 'Authorization: Bearer <JWT>'";
export const EXPIRED = "the token was refused: it has expired: compare the clocks of both hosts";
