import { parseArgs } from "node:util";

export const PARTS = ["steady", "faults", "growth"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly brief: boolean;
  readonly parts: readonly Part[];
  readonly writes: boolean;
  /** Where the figures go as well. */
  readonly json: string | null;
  /** Where they come from, in place of measuring. */
  readonly from: string | null;
}

export const USAGE = `npm run bench -- [--brief] [--only ${PARTS.join("|")}] [--json FILE] [--write]
npm run bench -- --from FILE [--write]
`;

/** @throws {TypeError} for what nobody knows, or what does not go together */
export function optionsIn(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      brief: { type: "boolean", default: false },
      only: { type: "string" },
      json: { type: "string" },
      from: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const { brief, only, json = null, from = null, write: writes } = values;
  const parts = PARTS.filter((part) => only === undefined || part === only);
  if (parts.length === 0) throw new TypeError(`--only takes ${PARTS.join(", ")}`);
  if (from !== null && (brief || only !== undefined)) throw new TypeError("--from measures nothing");
  if (writes && (brief || only !== undefined)) throw new TypeError("--write takes a whole run");
  return { brief, parts, writes, json, from };
}
