import { readFileSync } from "node:fs";

/** One package that the lockfile pins. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; null where the package names none. */
  readonly license: string | null;
  readonly integrity: string | null;
  /** Where it was taken from; null where it may come from any registry: `integrity` holds either way. */
  readonly resolved: string | null;
  readonly hasInstallScript: boolean;
  /** Whether a gateway runs with it, and it is not only there to build and try one. */
  readonly isRuntime: boolean;
}

interface Entry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Entry>>;
}

const file = new URL("../../package-lock.json", import.meta.url);

export function lockfileVersion(): number {
  return read().lockfileVersion;
}

/** In the order of the lockfile, which is that of their names; this package itself is left out. */
export function lockedPackages(): readonly LockedPackage[] {
  return Object.entries(read().packages).flatMap(([path, entry]) => {
    if (path === "") return [];
    const { version = "", license = null, integrity = null, resolved = null, hasInstallScript = false } = entry;
    const name = entry.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const isRuntime = entry.dev !== true && entry.optional !== true && entry.devOptional !== true;
    return [{ name, version, license, integrity, resolved, hasInstallScript, isRuntime }];
  });
}

function read(): Lockfile {
  return JSON.parse(readFileSync(file, "utf8")) as Lockfile;
}
