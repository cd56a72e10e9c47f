import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

/** The package's version, from the nearest package.json above this file: `lib/` and `dist/` find the same one. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) return "0.0.0";
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
  return version;
}
