import { z } from "zod";
import type { Fault } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { describePath } from "./path.ts";
import { type Settings, settingsSchema } from "./schema.ts";
import type { Path } from "./toml.ts";

/** @returns null where anything is wrong; all of it is in `faults` then, each at the place that `locate` tells */
export function validateSettings(values: unknown, locate: (path: Path) => string, faults: Fault[]): Settings | null {
  const result = settingsSchema.safeParse(values);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) faults.push(unknownKey([...issue.path, key], locate));
    } else {
      faults.push({ where: locate(issue.path), what: describePath(issue.path), problem: issue.message });
    }
  }
  return null;
}

function unknownKey(path: Path, locate: (path: Path) => string): Fault {
  const name = String(path.at(-1));
  const kind = path.length === 1 ? "table" : "key";
  return {
    where: locate(path),
    what: describePath(path),
    problem: `no such ${kind}${hintFor(name, path.slice(0, -1))}`,
  };
}

function hintFor(name: string, table: Path): string {
  const elsewhere = tables.find(({ keys }) => keys.includes(name));
  if (elsewhere !== undefined) return `, it belongs in ${elsewhere.title}`;
  return didYouMean(name, keysAt(table));
}

function keysAt(path: Path): readonly string[] {
  let schema: unknown = settingsSchema;
  for (const part of path) schema = child(unwrap(schema), part);
  const object = unwrap(schema);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function child(schema: unknown, part: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, unknown>)[part];
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return undefined;
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.in) : schema;
}

/** Every table with its keys, so that a key in the wrong one can be sent to the right one. */
const tables = Object.keys(settingsSchema.shape).flatMap((name) => {
  if (name === "sfu") return [{ title: "[[sfu]]", keys: keysAt([name, 0]) }];
  const inner = keysAt([name]).map((key) => [name, key]);
  return [[name], ...inner].map((path) => ({ title: `[${path.join(".")}]`, keys: keysAt(path) }));
});
