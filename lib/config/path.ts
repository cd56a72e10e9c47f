import type { Path } from "./toml.ts";

/** `[[sfu]] #2 key`, `[balancing.weights] cpu`: a path as somebody with the file open would say it. */
export function describePath(path: Path): string {
  const [first, second, ...rest] = path.map(nameOf);
  if (first === undefined) return "";
  if (first === "sfu") {
    return second === undefined ? "[[sfu]]" : ["[[sfu]]", `#${String(Number(second) + 1)}`, ...rest].join(" ");
  }
  if (second === undefined) return `[${first}]`;
  const parts = [first, second, ...rest];
  return `[${parts.slice(0, -1).join(".")}] ${String(parts.at(-1))}`;
}

/**
 * No setting has such a name, so it may be a key in the wrong place; the line says where it is. Nor may a list from elsewhere
 * write what it likes on somebody's terminal.
 */
function nameOf(part: PropertyKey): string {
  const name = String(part);
  return name.length > 32 || /[+/=\p{C}\p{Zl}\p{Zp}]/u.test(name) ? "(not shown)" : name;
}
