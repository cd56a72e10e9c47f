import { type AnsweredCode, errorMeanings } from "../api/error.ts";
import type { Json } from "./json.ts";
import { schemaRef } from "./schemas.ts";

/** Codes, each with the message that a caller would see. */
export type Refusals = Readonly<Partial<Record<AnsweredCode, string>>>;

const REQUEST_ID = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };
const RETRY_AFTER = { "Retry-After": { $ref: "#/components/headers/RetryAfter" } };
const EXAMPLE_ID = "5f0c6c3e-0f5e-4a0e-9d2b-6f6a2f1f2b11";

/** A JSON answer. */
export function answer(description: string, schema: Json, examples: Json = {}): Json {
  return answerOf(description, { "application/json": { schema, ...examplesOf(examples) } });
}

/** An answer of whatever kind. */
export function answerOf(description: string, content: Json): Json {
  return { description, headers: REQUEST_ID, content };
}

export function emptyAnswer(description: string): Json {
  return { description, headers: REQUEST_ID };
}

/** What a route refuses with one status, and why. */
export function refusal(refusals: Refusals): Json {
  const codes = Object.keys(refusals) as AnsweredCode[];
  const schema = { ...schemaRef("Error"), properties: { error: { enum: codes } } };
  const examples = Object.fromEntries(
    codes.map((code) => [code, { error: code, message: refusals[code], requestId: EXAMPLE_ID }]),
  );
  const [only = "internal", ...others] = codes;
  const description =
    others.length === 0
      ? `${capitalised(errorMeanings[only])}.`
      : codes.map((code) => `- \`${code}\`: ${errorMeanings[code]}`).join("\n");
  return answer(description, schema, examples);
}

/** One after which it is worth asking again. */
export function busy(refusals: Refusals): Json {
  return { ...refusal(refusals), headers: { ...REQUEST_ID, ...RETRY_AFTER } };
}

function examplesOf(examples: Json): Json {
  const named = Object.entries(examples).map(([name, value]): [string, Json] => [name, { value }]);
  return named.length === 0 ? {} : { examples: Object.fromEntries(named) };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
