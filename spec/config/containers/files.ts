import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import dockerignore from "@balena/dockerignore";
import { parse, parseAllDocuments } from "yaml";

export const ROOT = new URL("../../../", import.meta.url).pathname;

/** A file of the repository. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** As compose and kubectl read it: with merge keys. A key that is there twice throws. */
export function yamlOf(path: string): unknown {
  return parse(textOf(path), { merge: true });
}

export function yamlDocuments(text: string): readonly unknown[] {
  return parseAllDocuments(text, { merge: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS() as unknown;
  });
}

/** The files below `folder` that .dockerignore lets a build see, as paths that are relative to it. */
export function contextFiles(folder: string): readonly string[] {
  const ignore = dockerignore.default().add(textOf(".dockerignore"));
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((path) => !ignore.ignores(path))
    .sort();
}
