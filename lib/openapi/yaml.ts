import { format, resolveConfig } from "prettier";
import { stringify } from "yaml";
import type { Json } from "./json.ts";

const HEADER = "# Written by `npm run openapi` from lib/api and lib/openapi: change those.\n";

/** The document as the text of config/openapi.yaml. */
export async function toYaml(document: Json, file: string): Promise<string> {
  const text = stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
  return format(HEADER + text, { ...(await resolveConfig(file)), filepath: file });
}
