import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { expand, readDockerfile, type Settings, type Stage, type Step } from "./dockerfile.ts";
import { contextFiles, ROOT } from "./files.ts";
import { commandLine, makeLocal, makeRoot, type Mount } from "./sandbox.ts";

/** What a build has made: the folder that is `/`, and how a container of it is started. */
export interface Image extends Settings {
  readonly root: string;
  /** What the base image has at /usr/local, Node.js first of all. */
  readonly local: Mount;
  readonly env: ReadonlyMap<string, string>;
  readonly workdir: string;
}

/** How long one RUN may take, in milliseconds. */
const RUN_LIMIT_MS = 240_000;
const BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Takes the steps of config/docker/Dockerfile one by one, each stage in a folder of `work` that is its `/`. In place of
 * the base image: this machine's /usr, and the Node.js that runs this.
 *
 * @returns the last stage
 */
export function buildImage(work: string): Image {
  const context = join(work, "context");
  for (const file of contextFiles(ROOT)) cpSync(join(ROOT, file), join(context, file));
  hideFromOthers(context);
  const local = makeLocal(join(work, "local"));
  const images = new Map<string, Image>();
  let last: Image | null = null;
  for (const stage of readDockerfile()) {
    const sourceOf = (from: string | null): string => (from === null ? context : rootOf(images, from));
    last = buildStage(stage, join(work, "stages", stage.name), local, sourceOf);
    images.set(stage.name, last);
  }
  if (last === null) throw new Error("the Dockerfile has no stage");
  return last;
}

/** The worst that a checkout can be, under umask 077: the image's own user must be able to read it all the same. */
function hideFromOthers(folder: string): void {
  for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(parentPath, name);
    chmodSync(path, statSync(path).mode & 0o700);
  }
}

function rootOf(images: ReadonlyMap<string, Image>, name: string): string {
  const image = images.get(name);
  if (image === undefined) throw new Error(`there is no stage ${name} before`);
  return image.root;
}

function buildStage(stage: Stage, root: string, local: Mount, sourceOf: (from: string | null) => string): Image {
  makeRoot(root);
  const env = new Map([
    ["PATH", BASE_PATH],
    ["HOME", "/root"],
  ]);
  let workdir = "/";
  for (const step of stage.steps) {
    switch (step.kind) {
      case "workdir":
        workdir = resolve(workdir, step.path);
        mkdirSync(join(root, workdir), { recursive: true });
        break;
      case "env": {
        // All of one instruction see what was before it.
        const before = new Map(env);
        for (const [name, value] of step.variables) env.set(name, expand(value, before));
        break;
      }
      case "copy":
        copy(step, sourceOf(step.from), root, workdir);
        break;
      case "run":
        run(step, { ...stage, root, local, env, workdir });
        break;
    }
  }
  return { ...stage, root, local, env, workdir };
}

/** A folder's content into the target; files into it where it ends with a slash; else to that very name. */
function copy({ sources, target }: Extract<Step, { kind: "copy" }>, from: string, root: string, workdir: string): void {
  const to = join(root, resolve(workdir, target));
  for (const name of sources) {
    const source = join(from, name);
    const at = !statSync(source).isDirectory() && target.endsWith("/") ? join(to, basename(name)) : to;
    cpSync(source, at, { recursive: true, verbatimSymlinks: true });
    if (process.getuid?.() === 0) chownSync(at, 0, 0);
  }
}

function run({ command, caches }: Extract<Step, { kind: "run" }>, image: Image): void {
  const cache = npm("config", "get", "cache");
  const mounts = caches.map((target) => {
    mkdirSync(join(image.root, target), { recursive: true });
    return { source: cache, target, isReadOnly: false };
  });
  const { file, args } = commandLine({
    ...image,
    isReadOnly: false,
    user: "0:0",
    // As a builder hands on where packages come from.
    env: new Map([...image.env, ["npm_config_registry", npm("config", "get", "registry")], ...fromBuilder()]),
    mounts: [image.local, ...mounts],
    argv: ["/bin/sh", "-c", command],
  });
  try {
    execFileSync(file, args, { encoding: "utf8", timeout: RUN_LIMIT_MS, stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`RUN ${command} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

function npm(...args: readonly string[]): string {
  return execFileSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

/** Docker hands these on to every RUN by itself; what npm has in its cache already it need not ask for again. */
function fromBuilder(): readonly (readonly [string, string])[] {
  const proxies = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  const given = proxies.flatMap((name): [string, string][] => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  if (process.env.NODE_EXTRA_CA_CERTS !== undefined) given.push(["NODE_EXTRA_CA_CERTS", "/usr/local/authorities.pem"]);
  return [...given, ["npm_config_prefer_offline", "true"]];
}
