import { expect } from "chai";
import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../lib/version.ts";
import { useGatewayProcesses } from "../support/process.ts";
import { nodesOf, type Ran } from "./harness.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const launcher = join(checkout, "bin", "sfu-gateway");
/** The folder of the node that runs the specs, which fits. */
const fitting = dirname(process.execPath);
/** On Linux alone, as an optional dependency. */
const hasBroughtNode = existsSync(join(checkout, "node_modules", ".bin", "node"));

interface How {
  readonly path?: string;
  readonly cwd?: string;
  readonly args?: readonly string[];
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the launcher as a user would; without stdin, and not for longer than a few seconds. */
function launch(file: string, { path = fitting, cwd = "/", args = ["--version"], env }: How = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: path, ...env }, timeout: 8000, killSignal: "SIGKILL" } as const;
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** Tells that version, or what else it was started with. */
function fakeNode(version: string): string {
  return `if [ "$1" = --version ]; then echo '${version}'; else echo "$@"; fi`;
}

describe("the launcher", function () {
  this.timeout(30_000);
  const start = useGatewayProcesses();
  let folder = "";
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "sfu gateway ")));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** A program of that name, in a folder of its own. @returns the folder, for PATH */
  function script(name: string, text: string): string {
    const path = join(folder, `path to ${name}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(path, name), 0o755);
    return path;
  }

  /** A copy of the launcher in a folder without Node, whose `main` shows what it was started with. */
  function copy(): { readonly root: string; readonly file: string } {
    const root = join(folder, "a copy");
    mkdirSync(join(root, "bin"), { recursive: true });
    const file = join(root, "bin", "sfu-gateway");
    copyFileSync(launcher, file);
    return { root, file };
  }

  const fine = { exitCode: 0, stdout: `${VERSION}\n`, stderr: "" };

  it("shows the help, whatever the folder it is called from", async () => {
    const { exitCode, stdout, stderr } = await launch(launcher, { cwd: folder, args: ["--help"] });
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    expect(stdout).to.match(/^Usage: sfu-gateway/);
  });

  it("hands on the exit code", async () => {
    const { exitCode, stderr } = await launch(launcher, { args: ["chek"] });
    expect(exitCode).to.equal(2);
    expect(stderr).to.include("did you mean check?");
  });

  it("works through symbolic links, absolute and relative ones, of files and of folders", async () => {
    const { root, file } = copy();
    symlinkSync(file, join(folder, "absolute"));
    symlinkSync("absolute", join(folder, "relative"));
    symlinkSync(dirname(file), join(folder, "bin"));
    // readlink is the one program that the launcher needs beside Node.
    const path = `${script("node", fakeNode("v24.0.0"))}:/usr/bin:/bin`;
    const links = ["absolute", "relative", join("bin", "sfu-gateway")].map((name) => join(folder, name));
    const ran = await Promise.all([
      ...links.map((link) => launch(link, { path })),
      launch("./relative", { path, cwd: folder }),
    ]);
    for (const { stdout, stderr } of ran) {
      expect(stderr).to.equal("");
      expect(stdout).to.include(` ${root}/dist/cli/main.js `);
    }
  });

  it("has names looked up in more threads, and given up sooner, unless the operator has said how", async () => {
    const { file } = copy();
    const says = 'echo "$UV_THREADPOOL_SIZE, $RES_OPTIONS"';
    const path = script("node", `if [ "$1" = --version ]; then echo v24.0.0; else ${says}; fi`);
    expect((await launch(file, { path })).stdout).to.equal("16, timeout:1 attempts:2\n");
    const env = { UV_THREADPOOL_SIZE: "64", RES_OPTIONS: "timeout:3" };
    expect((await launch(file, { path, env })).stdout).to.equal("64, timeout:3\n");
  });

  it("becomes the gateway, so that SIGTERM ends that in order", async () => {
    const nodes = nodesOf("http://127.0.0.1:1");
    const gateway = await start({ args: [], env: { PATH: fitting, SFU_GATEWAY_NODES: nodes } });
    gateway.kill("SIGTERM");
    expect(await gateway.exitCode).to.equal(0);
    expect(gateway.logs.at(-1)?.msg).to.equal("shut down");
  });

  it("falls back on the Node that npm has brought where PATH holds only an old one", async function () {
    if (!hasBroughtNode) this.skip();
    expect(await launch(launcher, { path: script("node", "echo v20.20.2") })).to.deep.equal(fine);
  });

  it("falls back on it where PATH holds none, or one that is broken", async function () {
    if (!hasBroughtNode) this.skip();
    const broken = script("node", "echo no shared library >&2; exit 127");
    const paths = [join(folder, "nowhere"), broken];
    const ran = await Promise.all(paths.map((path) => launch(launcher, { path })));
    expect(ran).to.deep.equal([fine, fine]);
  });

  describe("copied to where npm has brought nothing", () => {
    const versions: readonly (readonly [version: string, fits: boolean])[] = [
      ["v22.20.0", true],
      ["v22.21.1", true],
      ["v24.0.0", true],
      ["v24.1.0-nightly2026", true],
      ["v100.0.0", true],
      ["v22.19.9", false],
      ["v22.2.0", false],
      ["v23.11.0", false],
      ["v20.99.0", false],
      ["v9.11.2", false],
      ["nonsense", false],
      ["", false],
    ];
    for (const [version, fits] of versions) {
      it(`${fits ? "takes" : "refuses"} a Node that says '${version}'`, async () => {
        const { root, file } = copy();
        const path = script("node", fakeNode(version));
        const { exitCode, stdout, stderr } = await launch(file, { path, args: ["a b", "*"] });
        if (fits) {
          expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
          expect(stdout).to.equal(
            `--disable-warning=ExperimentalWarning --max-semi-space-size=16 --v8-pool-size=1 --no-memory-reducer ${root}/dist/cli/main.js a b *\n`,
          );
        } else {
          expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: "" });
          expect(stderr).to.equal(
            `sfu-gateway: needs Node.js 22.20, 24 or newer, found ${version}.\nInstall Node.js 24.\n`,
          );
        }
      });
    }

    it("says in a checkout that npm would bring a Node along", async () => {
      const { root, file } = copy();
      mkdirSync(join(root, "lib"));
      const { stderr } = await launch(file, { path: script("node", fakeNode("v20.20.2")) });
      expect(stderr).to.include(`Run 'npm ci' in ${root}, which brings one along`);
    });

    it("takes, as an installed package, the Node that was installed beside it", async () => {
      const { root, file } = copy();
      const bin = join(root, "..", ".bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, "node"), fakeNode("v24.5.0"), { mode: 0o755 });
      const { exitCode, stdout } = await launch(file, { path: script("node", fakeNode("v20.20.2")) });
      expect(exitCode).to.equal(0);
      expect(stdout).to.include(`${root}/dist/cli/main.js`);
    });

    it("says that there is no Node at all", async () => {
      const { exitCode, stdout, stderr } = await launch(copy().file, { path: join(folder, "nowhere") });
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: "" });
      expect(stderr).to.match(/^sfu-gateway: needs Node\.js 22\.20, 24 or newer, found none\.\n/);
    });

    it("prefers the sources to what was built from them", async () => {
      const { root, file } = copy();
      mkdirSync(join(root, "lib", "cli"), { recursive: true });
      writeFileSync(
        join(root, "lib", "cli", "main.ts"),
        "const text: string = 'from the sources';\nconsole.log(text);\n",
      );
      expect(await launch(file)).to.deep.equal({ exitCode: 0, stdout: "from the sources\n", stderr: "" });
    });
  });
});
