import { type AST, parseTOML } from "toml-eslint-parser";
import { parse, TomlError } from "smol-toml";
import type { Fault } from "./fault.ts";

export type Path = readonly PropertyKey[];

/** A TOML file that has been read: its values, and where each of them stands. */
export interface TomlDocument {
  readonly values: Readonly<Record<string, unknown>>;
  /** Whether there is nothing in it, not even a comment. */
  readonly isEmpty: boolean;
  /** `gateway.toml:12`: the line of the value at `path`, or of the nearest table above it. */
  readonly locate: (path: Path) => string;
}

/**
 * @param name as the operator gave it, for messages
 * @returns null where `text` is not TOML; the fault is in `faults` then, without the line itself, which may hold a key
 */
export function parseToml(name: string, text: string, faults: Fault[]): TomlDocument | null {
  try {
    const values = parse(text);
    let lines: ReadonlyMap<string, number> | null = null;
    return {
      values,
      isEmpty: text.trim() === "",
      locate(path) {
        lines ??= linesOf(text);
        for (let length = path.length; length > 0; length--) {
          const line = lines.get(idOf(path.slice(0, length)));
          if (line !== undefined) return `${name}:${String(line)}`;
        }
        return name;
      },
    };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const problem = (error.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "not TOML: ");
    faults.push({ where: `${name}:${String(error.line)}:${String(error.column)}`, what: "", problem });
    return null;
  }
}

/** smol-toml keeps no positions, so they are read from a syntax tree, and only once something is at fault. */
function linesOf(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const note = (path: Path, line: number): void => {
    for (let length = 1; length <= path.length; length++) {
      const id = idOf(path.slice(0, length));
      if (!lines.has(id)) lines.set(id, line);
    }
  };
  for (const node of syntaxTree(text)) {
    if (node.type === "TOMLTable") {
      note(node.resolvedKey, node.loc.start.line);
      for (const entry of node.body) note([...node.resolvedKey, ...keysOf(entry.key.keys)], entry.loc.start.line);
    } else {
      note(keysOf(node.key.keys), node.loc.start.line);
    }
  }
  return lines;
}

/** A second parser may refuse what the first one took. Then a fault names its file alone, which beats not being told. */
function syntaxTree(text: string): AST.TOMLProgram["body"][0]["body"] {
  try {
    return parseTOML(text.replace(/^\uFEFF/, ""), { tomlVersion: "1.1" }).body[0].body;
  } catch {
    return [];
  }
}

function keysOf(keys: readonly ({ type: "TOMLBare"; name: string } | { type: "TOMLQuoted"; value: string })[]): Path {
  return keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
}

function idOf(path: Path): string {
  return JSON.stringify(path.map(String));
}
