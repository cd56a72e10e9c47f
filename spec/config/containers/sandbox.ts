import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** A folder of this machine that shows at a path inside. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

export interface Inside {
  /** The folder that becomes `/`. */
  readonly root: string;
  readonly isReadOnly: boolean;
  readonly mounts: readonly Mount[];
  readonly env: ReadonlyMap<string, string>;
  readonly workdir: string;
  /** `uid:gid` */
  readonly user: string;
  readonly argv: readonly string[];
}

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
}

const IS_ROOT = process.getuid?.() === 0;
/** What a base image has of its own, and stands in for here: this machine's programs and libraries. */
const FROM_HOST = ["usr", "bin", "sbin", "lib", "lib64"];

/**
 * A command line that runs another one as a container would: in namespaces of its own, as the first process, with
 * `root` as its `/` and no capability unless it is root. The network is this machine's.
 */
export function commandLine({ root, isReadOnly, mounts, env, workdir, user, argv }: Inside): CommandLine {
  const binds = [...hostMounts(), ...mounts].map(({ source, target, isReadOnly: isFixed }) => {
    const at = quote(join(root, target));
    return `mount --rbind ${quote(source)} ${at}${isFixed ? `; mount -o remount,bind,ro ${at}` : ""}`;
  });
  const script = [
    "set -eu",
    `mount --rbind ${quote(root)} ${quote(root)}`,
    ...binds,
    `mount -t proc proc ${quote(join(root, "proc"))}`,
    ...(isReadOnly ? [`mount -o remount,bind,ro ${quote(root)}`] : []),
    'exec "$@"',
  ].join("\n");
  const variables = Array.from(env, ([name, value]) => `${name}=${value}`);
  const { enter, become } = asUser(user);
  const inside = ["/usr/bin/env", "-i", "-C", workdir, ...variables, ...become, ...argv];
  const namespaces = [...(IS_ROOT ? [] : ["--map-root-user"]), "--mount", "--pid", "--fork", "--kill-child"];
  return { file: "unshare", args: [...namespaces, "sh", "-c", script, "sandbox", ...enter, root, ...inside] };
}

/** The folders that every root needs, and the little of /etc that programs ask for. */
export function makeRoot(root: string): void {
  for (const folder of ["dev", "proc", "tmp", "etc", "root", "run"]) mkdirSync(join(root, folder), { recursive: true });
  for (const name of FROM_HOST) {
    if (!lstatSync(`/${name}`, { throwIfNoEntry: false })) continue;
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), join(root, name));
    else mkdirSync(join(root, name));
  }
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  for (const name of ["resolv.conf", "hosts"]) copyFileSync(`/etc/${name}`, join(root, "etc", name));
}

/** In place of the base image's /usr/local: the Node.js that runs the specs, and npm. */
export function makeLocal(folder: string): Mount {
  mkdirSync(join(folder, "bin"), { recursive: true });
  mkdirSync(join(folder, "lib/node_modules"), { recursive: true });
  copyFileSync(realpathSync(process.execPath), join(folder, "bin/node"));
  const npm = execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim();
  cpSync(dirname(dirname(realpathSync(npm))), join(folder, "lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(folder, "bin/npm"));
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities !== undefined) copyFileSync(authorities, join(folder, "authorities.pem"));
  return { source: folder, target: "/usr/local", isReadOnly: true };
}

function hostMounts(): readonly Mount[] {
  const folders = FROM_HOST.filter((name) => lstatSync(`/${name}`, { throwIfNoEntry: false })?.isDirectory());
  return [
    ...folders.map((name) => ({ source: `/${name}`, target: `/${name}`, isReadOnly: true })),
    { source: "/dev", target: "/dev", isReadOnly: false },
  ];
}

interface Steps {
  /** Goes before the folder that becomes `/`. */
  readonly enter: readonly string[];
  /** Goes before the program. */
  readonly become: readonly string[];
}

/** Who is not root here can only seem to be another one, in one more namespace, which cannot be made inside a chroot. */
function asUser(user: string): Steps {
  const [uid = "", gid = ""] = user.split(":");
  if (uid === "0") return { enter: ["chroot"], become: [] };
  if (!IS_ROOT) {
    const enter = ["unshare", `--map-user=${uid}`, `--map-group=${gid}`, "--root"];
    return { enter, become: ["setpriv", "--no-new-privs"] };
  }
  const powerless = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
  return { enter: ["chroot"], become: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...powerless] };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
