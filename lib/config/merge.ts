import type { Fault } from "./fault.ts";
import { describePath } from "./path.ts";
import type { Path, TomlDocument } from "./toml.ts";

/** Several TOML files as one tree that still knows where each of its values came from. */
export interface Merged {
  readonly values: Record<string, unknown>;
  readonly locate: (path: Path) => string;
}

/**
 * Joins the `[[sfu]]` lists of all documents and the keys of all tables. A key that two documents set is a fault:
 * whichever won, somebody would look at the other one.
 */
export function mergeDocuments(documents: readonly TomlDocument[], faults: Fault[]): Merged {
  const values = emptyTable();
  const owners: { readonly path: Path; readonly document: TomlDocument; readonly original: Path }[] = [];

  const add = (document: TomlDocument, path: Path, target: Record<string, unknown>, source: object): void => {
    for (const [key, value] of Object.entries(source) as [string, unknown][]) {
      const here = [...path, key];
      const present = target[key];
      if (
        path.length === 0 &&
        key === "sfu" &&
        Array.isArray(value) &&
        (present === undefined || Array.isArray(present))
      ) {
        const list = Array.isArray(present) ? present : [];
        value.forEach((entry: unknown, index) => {
          owners.push({ path: ["sfu", list.length], document, original: ["sfu", index] });
          list.push(entry);
        });
        target[key] = list;
      } else if (isTable(value) && (present === undefined || isTable(present))) {
        const table = isTable(present) ? present : emptyTable();
        if (present === undefined) owners.push({ path: here, document, original: here });
        add(document, here, table, value);
        target[key] = table;
      } else if (present === undefined) {
        owners.push({ path: here, document, original: here });
        target[key] = value;
      } else {
        faults.push({
          where: document.locate(here),
          what: describePath(here),
          problem: "set in both files, expected in one",
        });
      }
    }
  };
  for (const document of documents) add(document, [], values, document.values);

  return {
    values,
    locate(path) {
      let best: (typeof owners)[number] | undefined;
      for (const owner of owners) {
        const fits = owner.path.every((part, index) => part === path[index]);
        if (fits && owner.path.length >= (best?.path.length ?? 0)) best = owner;
      }
      return best === undefined
        ? "configuration"
        : best.document.locate([...best.original, ...path.slice(best.path.length)]);
    },
  };
}

/** Without a prototype: `[__proto__]` and `constructor = 1` must be keys like any other, and reach no object of ours. */
function emptyTable(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
