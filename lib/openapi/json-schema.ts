import type { z } from "zod";
import { isJson, type Json } from "./json.ts";

/** A schema, and what the document says of it beside what it says itself. */
export interface Explained {
  readonly schema: z.ZodType;
  readonly explain: (schema: Json) => Json;
}

/** The core's own schemas are there to check, not to explain: `fields` does that, for each of them or for none. */
export function explained<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  description?: string,
  fields?: Readonly<Record<keyof Shape, Json>>,
): Explained {
  return {
    schema,
    explain(json) {
      const properties = Object.entries(json.properties as Json).map(([name, property]): [string, Json] => {
        return [name, { ...(property as Json), ...fields?.[name] }];
      });
      return {
        ...(description === undefined ? {} : { description }),
        ...json,
        properties: Object.fromEntries(properties),
      };
    },
  };
}

/** As a person would write it: nothing that only says how numbers and times are checked, «or null» in the type. */
export function tidied(schema: Json): Json {
  const { anyOf, description, ...kept } = schema;
  const entries = Object.entries(kept).filter(([name, value]) => {
    if (name === "$schema" || name === "$id") return false;
    if (name === "maximum") return value !== Number.MAX_SAFE_INTEGER;
    return !(name === "pattern" && kept.format === "date-time");
  });
  const rest = Object.fromEntries(entries.map(([name, value]) => [name, deeply(value)]));
  const said = description === undefined ? {} : { description };
  if (!Array.isArray(anyOf)) return { ...said, ...rest };
  const [first, second] = anyOf.map(deeply) as Json[];
  const isNullable = isJson(first) && typeof first.type === "string" && second?.type === "null";
  if (!isNullable) return { ...said, anyOf: anyOf.map(deeply), ...rest };
  const options = Array.isArray(first.enum) ? { enum: [...(first.enum as unknown[]), null] } : {};
  return { ...first, ...said, type: [first.type, "null"], ...options, ...rest };
}

function deeply(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deeply);
  return isJson(value) ? tidied(value) : value;
}
